/**
 * Queues with their jobs and payloads, for typed calls. Add yours by declaration merging; a queue
 * that is not declared takes any name and payload.
 *
 * @example
 * declare module 'nest-backplane/queue' {
 *   interface QueueRegistry {
 *     emails: { welcome: { to: string }; otp: { to: string; code: string } };
 *   }
 * }
 */
export interface QueueRegistry {}

type DeclaredQueue = Extract<keyof QueueRegistry, string>;

/** Jobs of a queue. */
export type JobName<Q extends string> = Q extends DeclaredQueue
  ? Extract<keyof QueueRegistry[Q], string>
  : string;

/** Payload of a job. Has to be plain JSON: a `Date` arrives as text, `undefined` not at all. */
export type JobPayload<Q extends string, N extends string> = Q extends DeclaredQueue
  ? N extends keyof QueueRegistry[Q]
    ? QueueRegistry[Q][N]
    : never
  : unknown;
