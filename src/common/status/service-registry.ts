import { Injectable } from '@nestjs/common';

/**
 * What answers a service's calls at this moment. `'custom'`: a driver of the application's own;
 * `'none'`: nothing does.
 */
export type Backing = 'redis' | 'memory' | 'database' | 'custom' | 'none';

/** What a service tells of itself: plain JSON, field names in snake_case with their unit. */
export type Details = Readonly<Record<string, unknown>>;

/** One service as health, metrics and response headers show it. */
export interface ServiceStatus {
  /** Name in health bodies: `rate_limiting`, `cache`, `session_storage`, … */
  readonly service: string;
  /** What answers now. Called often: must be cheap and must not wait. */
  readonly backing: () => Backing;
  /** `false` while calls fail, some or all, instead of being answered some other way. */
  readonly isServing: () => boolean;
  /** What answers when all is well; health is `degraded` while another one does. @default any */
  readonly intended?: Backing;
  /**
   * Do requests that have no use for the service fail with it? Then health is `down`.
   * @default false
   */
  readonly isVital?: boolean;
  /**
   * Figures for `/health/deep`, such as `{ active: 12 }`. Anybody may read them: no host names,
   * secrets or data of users. May ask Redis; who is slow or fails is shown as unavailable. @default
   * none
   */
  readonly details?: () => Promise<Details>;
}

/** The one place that knows what backs each service right now. */
@Injectable()
export class ServiceRegistry {
  readonly #services = new Map<string, ServiceStatus>();

  register(status: ServiceStatus): void {
    this.#services.set(status.service, status);
  }

  /**
   * Gives a service its `details` later: what can count is often built on what registers.
   *
   * @throws Error for a service that is not registered
   */
  describe(service: string, details: NonNullable<ServiceStatus['details']>): void {
    const status = this.#services.get(service);
    if (status === undefined) throw new Error(`No service "${service}" is registered`);
    this.#services.set(service, { ...status, details });
  }

  list(): readonly ServiceStatus[] {
    return [...this.#services.values()];
  }
}
