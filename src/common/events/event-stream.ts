import { Injectable } from '@nestjs/common';

/**
 * Every event by name with its payload. Each module adds its own by declaration merging, next to
 * the code that emits them.
 *
 * @example
 * declare module '../../common/events/event-stream.js' {
 *   interface BackplaneEvents {
 *     'cache.hit': { readonly key: string };
 *   }
 * }
 */
export interface BackplaneEvents {}

export type EventName = keyof BackplaneEvents;

type Listener<K extends EventName> = (payload: BackplaneEvents[K]) => void;

/** One thing that happened. */
export type BackplaneEvent = {
  [K in EventName]: { readonly name: K; readonly payload: BackplaneEvents[K] };
}[EventName];

/**
 * One typed stream of what happens inside: metrics, logs and the dashboard listen here.
 *
 * Emitting is synchronous and, without a listener, two look-ups. A listener that throws never
 * reaches the code that emitted: the error is reported as a process warning.
 */
@Injectable()
export class EventStream {
  readonly #listeners = new Map<EventName, Set<Listener<EventName>>>();
  readonly #observers = new Set<(event: BackplaneEvent) => void>();

  /** Calls `listener` on every event of that name. Returns the function that ends it. */
  on<K extends EventName>(name: K, listener: Listener<K>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener as Listener<EventName>);
    return () => {
      // Called again, it must not end listeners that came later under the same name.
      if (!listeners.delete(listener as Listener<EventName>)) return;
      if (listeners.size === 0) this.#listeners.delete(name);
    };
  }

  /** Calls `observer` on every event of any name. Returns the function that ends it. */
  onAny(observer: (event: BackplaneEvent) => void): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  emit<K extends EventName>(name: K, payload: BackplaneEvents[K]): void {
    const listeners = this.#listeners.get(name);
    if (listeners !== undefined) {
      for (const listener of listeners) callSafely(listener, payload, name);
    }
    if (this.#observers.size === 0) return;
    const event = { name, payload } as BackplaneEvent;
    for (const observer of this.#observers) callSafely(observer, event, name);
  }
}

function callSafely<T>(listener: (payload: T) => void, payload: T, name: string): void {
  try {
    listener(payload);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    process.emitWarning(`A listener of "${name}" failed: ${detail}`, 'BackplaneEventWarning');
  }
}
