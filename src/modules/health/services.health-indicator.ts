import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { type Backing, ServiceRegistry, type ServiceStatus } from '../../common/status/index.js';

/**
 * What backs each service right now: `degraded` while calls of one fail or another backing than the
 * intended one answers, `down` while a service fails that every request needs.
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
    const failing = services.filter((service) => !service.isServing());
    if (failing.some(({ isVital }) => isVital)) return session.down(data);
    const isWell = failing.length === 0 && services.every(isAsIntended);
    return isWell ? session.up(data) : session.degraded(data);
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
