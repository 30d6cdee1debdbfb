import { randomBytes, randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { INestApplication, LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { SwaggerModule } from '@nestjs/swagger';
import type { BackplaneOptions } from '../backplane.options.js';
import { type BackplaneConfig, describeConfig } from '../common/config/index.js';
import type { ErrorBody } from '../common/http/index.js';
import { apiDocument } from './api-document.js';
import { AppModule } from './app.module.js';
import { backplaneOptions } from './backplane-options.js';
import { GracefulExpressAdapter, GracefulFastifyAdapter } from './graceful-adapters.js';
import { CLOSE_TIMEOUT_MS } from './graceful-close.js';

export type Platform = 'express' | 'fastify';

export interface BackendOptions {
  readonly config: BackplaneConfig;
  /** @default 'fastify' */
  readonly platform?: Platform;
  readonly logger?: LoggerService | false;
  /** Changes what the configuration comes to, where the backend is part of something else. */
  readonly adjust?: (options: BackplaneOptions) => BackplaneOptions;
  /** How long requests under way may still take once it closes, in milliseconds. @default 10 000 */
  readonly closeTimeoutMs?: number;
}

export interface Backend {
  readonly app: INestApplication;
  /** Opens `/api/v1/redis/*`. */
  readonly adminToken: string;
  /** The token was made for this run, because the configuration has none. */
  readonly isTokenGenerated: boolean;
}

/** Builds the backend without listening yet. Redis away does not make it fail. */
export async function createBackend(options: BackendOptions): Promise<Backend> {
  const { config, logger = false, adjust = (unchanged) => unchanged } = options;
  if (logger !== false) logBoot(logger, config);
  const adminToken = config.admin.token ?? randomBytes(24).toString('base64url');
  const module = AppModule.create({ backplane: adjust(backplaneOptions(config)), adminToken });
  const app = await NestFactory.create(module, createAdapter(options), {
    logger,
    abortOnError: false,
  });
  if (options.platform === 'express') trustProxy(app, config);
  app.enableShutdownHooks();
  SwaggerModule.setup('docs', app, () => apiDocument(app));
  return { app, adminToken, isTokenGenerated: config.admin.token === undefined };
}

function logBoot(logger: LoggerService, config: BackplaneConfig): void {
  for (const line of describeConfig(config)) logger.debug?.(line, 'Config');
  if (config.http.production) return;
  logger.warn(
    'The session cookie is "sid" without Secure, for plain HTTP; set NODE_ENV=production.',
  );
}

function createAdapter(options: BackendOptions) {
  const { config, platform = 'fastify', closeTimeoutMs = CLOSE_TIMEOUT_MS } = options;
  if (platform === 'express') return new GracefulExpressAdapter(closeTimeoutMs);
  const fastify = {
    trustProxy: trustProxyOf(config),
    frameworkErrors: answerMalformed,
    // Keys, channels and ids of up to 1 kB are parts of addresses, percent-encoded.
    routerOptions: { maxParamLength: 3 * 1_024 },
  };
  return new GracefulFastifyAdapter(fastify, closeTimeoutMs);
}

/** What Fastify refuses before any hook or filter runs, such as an address with a broken escape. */
function answerMalformed(_error: Error, _request: unknown, reply: RawReply): void {
  const requestId = randomUUID();
  const body: ErrorBody = {
    error: 'Bad request',
    message: 'The address is malformed.',
    code: 'E_BAD_REQUEST',
    request_id: requestId,
  };
  reply.raw.writeHead(400, { 'content-type': 'application/json', 'x-request-id': requestId });
  reply.raw.end(JSON.stringify(body));
}

/** The part of Fastify's reply that is used. */
interface RawReply {
  readonly raw: ServerResponse;
}

/** A number of hops is a function for Fastify: trust the first so many addresses. */
function trustProxyOf({ http: { trustProxy: trusted } }: BackplaneConfig) {
  if (typeof trusted === 'number') return (_address: string, hop: number) => hop < trusted;
  return trusted === false ? false : [...trusted];
}

function trustProxy(app: INestApplication, config: BackplaneConfig): void {
  (app as NestExpressApplication).set('trust proxy', config.http.trustProxy);
}
