import type { KeyFamily } from './key-space.js';

/** Written by every probe of the gate; proves that the server accepts writes. */
export const PROBE_KEY: KeyFamily = {
  module: 'gate',
  version: 1,
  layout: '{probe}',
  type: 'string',
  ttl: '1 minute',
  evictable: true,
  purpose: 'Last probe of the circuit breaker',
};
