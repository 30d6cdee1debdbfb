import { setTimeout as sleep } from 'node:timers/promises';
import { Body, Controller, Get, Post, Res } from '@nestjs/common';
import { CacheResponse } from 'nest-backplane/cache';
import { Locked } from 'nest-backplane/lock';
import { PubSubService, Subscribe } from 'nest-backplane/pubsub';
import { JobProcessor, OnJob, QueueService } from 'nest-backplane/queue';
import { CurrentSession, RequireSession, SessionCookies } from 'nest-backplane/session';
import { type CookieResponse, type Session, SessionService } from 'nest-backplane/session';
import { RateLimit } from 'nest-backplane/throttle';

type Order = { readonly number: number; readonly userId: string | undefined };

@JobProcessor('receipts')
export class Receipts {
  readonly sent: Order[] = [];

  @OnJob('send')
  send(order: Order): void {
    this.sent.push(order);
  }
}

@Controller()
export class ShopController {
  readonly #announced: Order[] = [];
  #orders = 0;

  constructor(
    private readonly sessions: SessionService,
    private readonly cookies: SessionCookies,
    private readonly pubsub: PubSubService,
    private readonly queues: QueueService,
    private readonly receipts: Receipts,
  ) {}

  @CacheResponse({ ttl: '1m', public: true })
  @Get('price')
  price() {
    return { eur: 9.5, asOf: new Date() };
  }

  @RateLimit({ limit: 3, window: '1m' })
  @Post('sign-in')
  async signIn(@Body('userId') userId: string, @Res({ passthrough: true }) reply: CookieResponse) {
    const created = await this.sessions.create({ userId });
    this.cookies.set(reply, created);
    return { userId };
  }

  /** Reads, waits, writes: without the lock two orders would get one number. */
  @RequireSession()
  @Locked('orders', { ttl: '30s', wait: '15s' })
  @Post('orders')
  async order(@CurrentSession() { userId }: Session): Promise<Order> {
    const order = { number: this.#orders + 1, userId };
    await sleep(5);
    this.#orders = order.number;
    await this.pubsub.publish('orders', order);
    await this.queues.enqueue('receipts', 'send', order);
    return order;
  }

  @Subscribe('orders')
  announce(order: Order): void {
    this.#announced.push(order);
  }

  @Get('orders')
  orders() {
    return { announced: this.#announced, receipts: this.receipts.sent };
  }
}
