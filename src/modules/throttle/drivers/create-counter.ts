import type { ThrottleStrategy } from '../throttle.driver.js';
import { FixedWindow } from './counters/fixed-window.js';
import { SlidingWindow } from './counters/sliding-window.js';
import { SlidingWindowCounter } from './counters/sliding-window-counter.js';
import { TokenBucket } from './counters/token-bucket.js';
import type { MemoryCounter } from './memory-counter.js';

export function createCounter(strategy: ThrottleStrategy): MemoryCounter {
  switch (strategy) {
    case 'fixed-window':
      return new FixedWindow();
    case 'sliding-window':
    case 'concurrency':
      return new SlidingWindow();
    case 'sliding-window-counter':
      return new SlidingWindowCounter();
    case 'token-bucket':
    case 'gcra':
      return new TokenBucket();
    default:
      return strategy satisfies never;
  }
}
