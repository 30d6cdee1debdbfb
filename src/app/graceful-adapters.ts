import type { Server } from 'node:http';
import type { NestApplicationOptions } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { type GracefulClose, gracefulClose } from './graceful-close.js';

type FastifyOptions = ConstructorParameters<typeof FastifyAdapter<Server>>[0];

/**
 * Express that answers what is under way before it closes.
 *
 * Nest's own `forceCloseConnections` resets requests in flight, and without it one kept-alive
 * connection holds the shutdown up.
 */
export class GracefulExpressAdapter extends ExpressAdapter {
  #closing: GracefulClose | undefined;

  constructor(private readonly closeTimeoutMs: number) {
    super();
  }

  override initHttpServer(options: NestApplicationOptions): void {
    super.initHttpServer(options);
    this.#closing = gracefulClose(this.getHttpServer(), this.closeTimeoutMs);
  }

  override async close(): Promise<void> {
    await this.#closing?.run(() => super.close());
  }
}

/** The same for Fastify, whose `forceCloseConnections: 'idle'` is what Node does by itself. */
export class GracefulFastifyAdapter extends FastifyAdapter {
  #closing: GracefulClose | undefined;

  constructor(
    options: FastifyOptions,
    private readonly closeTimeoutMs: number,
  ) {
    super(options);
  }

  override initHttpServer(options?: NestApplicationOptions): void {
    super.initHttpServer(options);
    this.#closing = gracefulClose(this.getHttpServer(), this.closeTimeoutMs);
  }

  override async close(): Promise<void> {
    await this.#closing?.run(() => super.close());
  }
}
