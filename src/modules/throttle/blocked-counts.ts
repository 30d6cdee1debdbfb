import { Inject, Injectable } from '@nestjs/common';
import { EventStream } from '../../common/events/index.js';
import { RequestPolicies } from './requests/request-policies.js';
import './throttle.events.js';

/**
 * How many hits each policy denied in this process since its start; what the events
 * `throttle.blocked` and `throttle.shadow_blocked` say, in O(1). Of names that requests are checked under only, so that their
 * number is bounded: those of `ThrottleService` may be made up.
 */
@Injectable()
export class BlockedCounts {
  readonly #counts = new Map<string, number>();
  readonly #inShadow = new Map<string, number>();

  constructor(
    @Inject(EventStream) events: EventStream,
    @Inject(RequestPolicies) { known }: RequestPolicies,
  ) {
    events.on('throttle.blocked', ({ policy }) => {
      if (known.has(policy)) this.#counts.set(policy, this.of(policy) + 1);
    });
    events.on('throttle.shadow_blocked', ({ policy }) => {
      if (known.has(policy)) this.#inShadow.set(policy, this.inShadowOf(policy) + 1);
    });
  }

  /** @param name policies of one name count together */
  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** How many it would have denied, were it not in shadow. */
  inShadowOf(name: string): number {
    return this.#inShadow.get(name) ?? 0;
  }
}
