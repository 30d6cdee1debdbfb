import { Inject, Injectable } from '@nestjs/common';
import { withDeadline } from '../redis/deadline.js';
import { type Details, ServiceRegistry, type ServiceStatus } from './service-registry.js';

const UNAVAILABLE: Details = { status: 'unavailable' };

/**
 * Asks every service that registered `details` for them, without letting one of them spoil the
 * answer: who is slow, fails, or says what JSON cannot hold is `{ status: 'unavailable' }`.
 */
@Injectable()
export class ServiceDetails {
  readonly #running = new WeakMap<ServiceStatus, Promise<Details>>();

  constructor(@Inject(ServiceRegistry) private readonly services: ServiceRegistry) {}

  /** By name of the service. Never rejects, and never takes longer than the deadline. */
  async collect(deadlineMs: number): Promise<Readonly<Record<string, Details>>> {
    const asked = this.services.list().filter(hasDetails);
    const entries = asked.map(async (status) => {
      // Whatever the reason is, it may name hosts or users, and this is shown to everybody.
      const details = withDeadline(this.#ask(status), deadlineMs).catch(() => UNAVAILABLE);
      return [status.service, await details] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  /** One at a time for each service: monitors that come while it hangs must not add to its load. */
  #ask(status: WithDetails): Promise<Details> {
    const running = this.#running.get(status);
    if (running !== undefined) return running;
    const started = asJson(status).finally(() => this.#running.delete(status));
    this.#running.set(status, started);
    return started;
  }
}

type WithDetails = ServiceStatus & Required<Pick<ServiceStatus, 'details'>>;

function hasDetails(status: ServiceStatus): status is WithDetails {
  return status.details !== undefined;
}

async function asJson({ details }: WithDetails): Promise<Details> {
  return JSON.parse(JSON.stringify(await details())) as Details;
}
