import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { type Backing, ServiceRegistry, type ServiceStatus } from '../../common/status/index.js';

/**
 * What backs each service right now: `down` while calls of one of them fail, `degraded` while another
 * backing than the intended one answers.
 */
@Injectable()
export class ServicesHealthIndicator {
  constructor(
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
    @Inject(ServiceRegistry) private readonly services: ServiceRegistry,
  ) {}

  check<const Key extends string>(key: Key) {
    const session = this.indicators.check(key);
    const data = { backing: this.backings() };
    const services = this.services.list();
    if (!services.every((service) => service.isServing())) return session.down(data);
    return services.every(isAsIntended) ? session.up(data) : session.degraded(data);
  }

  backings(): Readonly<Record<string, Backing>> {
    return Object.fromEntries(
      this.services.list().map(({ service, backing }) => [service, backing()]),
    );
  }
}

function isAsIntended({ intended, backing }: ServiceStatus): boolean {
  return intended === undefined || intended === backing();
}
