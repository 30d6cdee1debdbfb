import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';

export type Platform = 'express' | 'fastify';

/** For `describe.each`: every behaviour over HTTP has to hold on both. */
export const PLATFORMS: readonly Platform[] = ['express', 'fastify'];

/** An application of a test, listening on a free port of 127.0.0.1. */
export interface TestApp extends AsyncDisposable {
  readonly app: INestApplication;
  /** Such as `http://127.0.0.1:40123`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Builds an application from module metadata and lets it listen. */
export async function startApp(platform: Platform, metadata: ModuleMetadata): Promise<TestApp> {
  const module = await Test.createTestingModule(metadata).compile();
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  return listen(module.createNestApplication(adapter, { logger: false }));
}

/** Lets an application that was built elsewhere listen. */
export async function listen(app: INestApplication): Promise<TestApp> {
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as { port: number };
  const close = (): Promise<void> => app.close();
  return { app, url: `http://127.0.0.1:${port}`, close, [Symbol.asyncDispose]: close };
}
