/**
 * An HTTP contender as a server; started by `run.mjs`, which it outlives by nothing.
 *
 *   node bench/serve.mjs <contender> [redis url]
 */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { contenderById } from './contenders.mjs';
import { handler } from './lib/application.mjs';
import { SIGN_IN_PATH } from './settings.mjs';

const [id, redisUrl] = process.argv.slice(2);
const contender = contenderById(id);
const create = await contender.load();
const { module, middleware } = await create(contender.redis === undefined ? undefined : redisUrl);
const app = await NestFactory.create(
  module,
  contender.adapter === 'express' ? new ExpressAdapter() : new FastifyAdapter(),
  { logger: false, forceCloseConnections: true },
);
for (const one of middleware) app.use(one);
await app.listen(0, '127.0.0.1');
const { port } = app.getHttpServer().address();

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ handlerRuns: handler.runs, cpuMicros: user + system });
});
process.on('disconnect', () => process.exit());
process.send?.({ port, headers: contender.signsIn ? { cookie: await signIn() } : {} });

/** The cookies a browser would send from now on. */
async function signIn() {
  const { headers } = await fetch(`http://127.0.0.1:${port}${SIGN_IN_PATH}`, { method: 'POST' });
  return headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ');
}
