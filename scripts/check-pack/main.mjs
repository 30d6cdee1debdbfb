/**
 * The application of a stranger: the installed library with memory drivers, no compiler, no
 * decorators.
 */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { BackplaneModule } from 'nest-backplane';
import { HealthModule } from 'nest-backplane/health';

class AppModule {}
Module({
  imports: [
    BackplaneModule.forRoot({
      cache: {},
      throttle: { default: { limit: 100, window: '1m' } },
      health: {},
    }),
  ],
})(AppModule);

if (typeof HealthModule !== 'function')
  throw new Error('nest-backplane/health has no HealthModule');

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
console.log(`listening on ${await app.getUrl()}`);
