import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import {
  type BackplaneEvent,
  type BackplaneEvents,
  type EventName,
  EventStream,
} from '../common/events/index.js';

/** Everything that happened inside since the application started or `clear` was called. */
@Injectable()
export class RecordedEvents implements OnModuleDestroy {
  readonly #events: BackplaneEvent[] = [];
  readonly #stop: () => void;

  constructor(@Inject(EventStream) stream: EventStream) {
    this.#stop = stream.onAny((event) => this.#events.push(event));
  }

  /** In the order in which they happened. */
  get all(): readonly BackplaneEvent[] {
    return this.#events;
  }

  /** The payloads of the events of one name. */
  of<K extends EventName>(name: K): readonly BackplaneEvents[K][] {
    return this.#events
      .filter((event) => event.name === name)
      .map(({ payload }) => payload as BackplaneEvents[K]);
  }

  clear(): void {
    this.#events.length = 0;
  }

  onModuleDestroy(): void {
    this.#stop();
  }
}
