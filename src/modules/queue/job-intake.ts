import type { AddedJob, NewJob, QueueDriver } from './queue.driver.js';

/** Injection token and contract of what accepts jobs: the failure policy of the module. */
export const JobIntake = Symbol('JobIntake');

export interface JobIntake {
  /** @throws QueueBackendDownError, QueueBufferFullError: the job was not accepted */
  add(queue: string, job: NewJob): Promise<AddedJob>;
  /** Accepted jobs that are not stored yet. */
  readonly buffered: number;
  /** `true` while jobs are accepted although the backend is away. */
  readonly isBridging: boolean;
  /**
   * Stores what can be stored, and tells what is lost. Jobs that come later are stored or refused.
   */
  close(): Promise<void>;
}

/** The policy `reject`: accepted is what is stored. */
export class DirectIntake implements JobIntake {
  readonly buffered = 0;
  readonly isBridging = false;

  constructor(private readonly driver: QueueDriver) {}

  add(queue: string, job: NewJob): Promise<AddedJob> {
    return this.driver.add(queue, job);
  }

  async close(): Promise<void> {}
}
