/**
 * One contender as a server; started by `run.mjs`, which it outlives by nothing.
 *
 *   node bench/serve.mjs <contender> [redis url]
 */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { contenderById } from './contenders.mjs';
import { handler } from './lib/application.mjs';

const [id, redisUrl] = process.argv.slice(2);
const contender = contenderById(id);
const create = await contender.load();
const app = await NestFactory.create(
  create(contender.redisCommand === undefined ? undefined : redisUrl),
  new FastifyAdapter(),
  { logger: false, forceCloseConnections: true },
);
await app.listen(0, '127.0.0.1');

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ handlerRuns: handler.runs, cpuMicros: user + system });
});
process.on('disconnect', () => process.exit());
process.send?.({ port: app.getHttpServer().address().port });
