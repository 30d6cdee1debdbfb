import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { InvalidOptionError } from '../../../common/errors/index.js';
import { trustsEverybody } from '../../../common/http/index.js';

/** Refuses to start a server on which every client may choose the address it is counted by. */
@Injectable()
export class TrustCheck implements OnApplicationBootstrap {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  /** When the application has had its say: `app.set('trust proxy', …)` comes before `listen`. */
  onApplicationBootstrap(): void {
    // Absent in an application context without HTTP, whatever the type says.
    const adapter = this.host.httpAdapter as HttpAdapterHost['httpAdapter'] | null | undefined;
    if (!adapter || !trustsEverybody(adapter)) return;
    throw new InvalidOptionError(
      adapter.getType() === 'fastify' ? 'trustProxy' : 'trust proxy',
      'must not trust everybody: clients could forge the address that limits count by, with ' +
        'X-Forwarded-For; give the number of proxies in front, such as 1, or their addresses',
    );
  }
}
