import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { type Backing, ServiceRegistry } from '../../common/status/index.js';

/** What backs each service right now; `down` while one of them cannot answer at all. */
@Injectable()
export class ServicesHealthIndicator {
  constructor(
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
    @Inject(ServiceRegistry) private readonly services: ServiceRegistry,
  ) {}

  check<const Key extends string>(key: Key) {
    const session = this.indicators.check(key);
    const data = { backing: this.backings() };
    const isServing = this.services.list().every((service) => service.isServing());
    return isServing ? session.up(data) : session.down(data);
  }

  backings(): Readonly<Record<string, Backing>> {
    return Object.fromEntries(
      this.services.list().map(({ service, backing }) => [service, backing()]),
    );
  }
}
