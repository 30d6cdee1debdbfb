import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import {
  type CanActivate,
  Controller,
  Get,
  HttpException,
  NotFoundException,
  Post,
  Query,
  Req,
  Res,
  StreamableFile,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import { headerValue, type HttpRequest } from '../../src/common/http/index.js';
import { RateLimit, RateLimitGuard } from '../../src/modules/throttle/index.js';

/** Reads a header. */
export const header = (name: string) => (asked: HttpRequest) => headerValue(asked, name);
const number = (name: string) => (asked: HttpRequest) => Number(headerValue(asked, name));

/** Streams that the test ends. */
export const streams: PassThrough[] = [];
/** Answers that the test gives. */
export const pending: (() => void)[] = [];

@Controller('settled')
class SettledController {
  @RateLimit({ name: 'login', limit: 2, window: '15m', count: 'failures' })
  @Post('login')
  login(@Query('right') right?: string): string {
    if (right === undefined) throw new UnauthorizedException();
    return 'welcome';
  }

  @RateLimit({ name: 'tried', limit: 2, window: '15m', count: 'failures', shadow: true })
  @Post('tried')
  tried(@Query('right') right?: string): string {
    return this.login(right);
  }

  @RateLimit({ name: 'orders', limit: 2, window: '15m', count: 'successes' })
  @Get('orders')
  orders(@Query('status') status?: string): string {
    if (status !== undefined) throw new HttpException('no', Number(status));
    return 'ordered';
  }

  @RateLimit(
    { name: 'failing', limit: 5, window: '15m', count: 'failures' },
    { name: 'all', limit: 2, window: '15m' },
  )
  @Get('both')
  both(): string {
    return 'both';
  }

  @RateLimit({ name: 'pending', limit: 5, window: '15m', count: 'failures' })
  @Get('pending')
  async pending(): Promise<string> {
    await new Promise<void>((resolve) => pending.push(resolve));
    return 'at last';
  }

  /** Its headers are out before its body, which has a known length. */
  @RateLimit({ name: 'flushed', limit: 5, window: '15m', count: 'failures' })
  @Get('flushed')
  async flushed(@Res() response: ServerResponse | { readonly raw: ServerResponse }): Promise<void> {
    const raw = 'raw' in response ? response.raw : response;
    raw.writeHead(200, { 'content-length': 20 });
    raw.write('at last');
    await new Promise<void>((resolve) => pending.push(resolve));
    raw.end();
  }

  @RateLimit({ name: 'streamed', limit: 5, window: '15m', count: 'failures' })
  @Get('streamed')
  streamed(): StreamableFile {
    const stream = new PassThrough();
    streams.push(stream);
    stream.write('begun');
    return new StreamableFile(stream);
  }
}

/** Nobody passes. */
class ClosedGuard implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@RateLimit({ name: 'at once', limit: 3, window: '1m', strategy: 'concurrency' })
@Controller('held')
class HeldController {
  @Get('pending')
  async pending(): Promise<string> {
    await new Promise<void>((resolve) => pending.push(resolve));
    return 'at last';
  }

  @Get('answered')
  answered(@Query('status') status?: string): string {
    if (status === '500') throw new TypeError('a bug');
    if (status !== undefined) throw new HttpException('no', Number(status));
    return 'answered';
  }

  @UseGuards(ClosedGuard)
  @Get('closed')
  closed(): void {}

  @Get('streamed')
  streamed(): StreamableFile {
    const stream = new PassThrough();
    streams.push(stream);
    stream.write('begun');
    return new StreamableFile(stream);
  }
}

@Controller('asked')
class AskedController {
  @RateLimit({ name: 'plan', limit: number('x-limit'), window: '1m', cost: number('x-cost') })
  @Get('numbers')
  numbers(): string {
    return 'numbers';
  }

  @RateLimit(
    { name: 'first', limit: 9, window: '1m' },
    {
      name: 'second',
      limit: (asked) => {
        const wish = headerValue(asked, 'x-wish');
        if (wish === 'bug') throw new TypeError('a bug with a secret');
        if (wish === 'away') throw new NotFoundException();
        return wish === 'free' ? undefined : 9;
      },
      window: '1m',
      cost: async (asked) => {
        if (headerValue(asked, 'x-wish') === 'costly') throw new TypeError('another bug');
        return 1;
      },
      by: async (asked) => {
        if (headerValue(asked, 'x-wish') === 'nobody') throw new TypeError('no database');
        return undefined;
      },
    },
  )
  @Get('wishes')
  wishes(): string {
    return 'wishes';
  }

  @RateLimit({ name: 'who', limit: 1, window: '1m', by: 'user' })
  @Get('user')
  user(): string {
    return 'a user';
  }

  @RateLimit({ name: 'who', limit: 1, window: '1m', by: header('x-tenant') })
  @Get('tenant')
  tenant(): string {
    return 'a tenant';
  }

  @RateLimit({ name: 'who', limit: 1, window: '1m', by: 'api-key' })
  @Get('key')
  key(): string {
    return 'a key';
  }

  @RateLimit({ name: 'tracked', limit: 1, window: '1m' })
  @Get('client')
  client(): string {
    return 'a client';
  }

  @RateLimit({ name: 'who', limit: 1, window: '1m', by: 'ip' })
  @Get('ip')
  ip(@Req() asked: HttpRequest): string {
    return asked.ip ?? '';
  }
}

@Controller('one')
class ScopedController {
  @RateLimit({ limit: 2, window: '1m', scope: 'controller' })
  @Get('a')
  a(): void {}

  @RateLimit({ limit: 2, window: '1m', scope: 'controller' })
  @Get('b')
  b(): void {}

  @RateLimit({ limit: 2, window: '1m', scope: 'global' })
  @Get('everywhere')
  everywhere(): void {}
}

@Controller('two')
class OtherScopedController {
  @RateLimit({ limit: 2, window: '1m', scope: 'controller' })
  @Get('a')
  a(): void {}

  @RateLimit(
    { limit: 2, window: '1m', scope: 'global' },
    { limit: 9, window: '1h', scope: 'global' },
  )
  @Get('everywhere')
  everywhere(): void {}
}

/** Believes whatever address the client names. */
export class HeaderGuard extends RateLimitGuard {
  protected override async getTracker(asked: HttpRequest): Promise<string> {
    return headerValue(asked, 'x-address') ?? '';
  }
}

/** What `limits of requests` asks. */
export const controllers = [
  SettledController,
  HeldController,
  AskedController,
  ScopedController,
  OtherScopedController,
];
