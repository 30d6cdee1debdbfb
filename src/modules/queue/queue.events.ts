declare module '../../common/events/event-stream.js' {
  interface BackplaneEvents {
    /** A job was accepted: stored, or kept in memory until the backend is back. */
    'queue.enqueued': {
      readonly queue: string;
      readonly name: string;
      readonly id: string;
      readonly status: 'queued' | 'duplicate' | 'buffered';
    };
    'queue.completed': {
      readonly queue: string;
      readonly name: string;
      readonly id: string;
      /** From the start of this attempt. */
      readonly durationMs: number;
    };
    /** One attempt failed; `isFinal` = there is no other. */
    'queue.failed': {
      readonly queue: string;
      readonly name: string;
      readonly id: string;
      readonly attempt: number;
      readonly isFinal: boolean;
      readonly reason: string;
    };
    /** A worker died or hung with the job, which runs again. */
    'queue.stalled': { readonly queue: string; readonly id: string };
    /** A worker that should have asked for jobs did not, and was replaced. */
    'queue.worker-restarted': { readonly queue: string; readonly silentMs: number };
    /** An error in a worker's own work, outside any job. */
    'queue.worker-error': { readonly queue: string; readonly reason: string };
    /** Jobs accepted while the backend was away are stored now. */
    'queue.replayed': { readonly count: number };
    /** The process ends while accepted jobs are in its memory only. */
    'queue.buffer-lost': { readonly count: number };
  }
}

export {};
