import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RedisModule } from '../../dist/index.js';

/** An application without HTTP: one module, on our Redis connection or in memory. */
export function applicationContext(redisUrl, module) {
  class AppModule {}
  const redis =
    redisUrl === undefined
      ? []
      : [RedisModule.forRoot({ connections: { default: { url: redisUrl } } })];
  Module({ imports: [...redis, module] })(AppModule);
  return NestFactory.createApplicationContext(AppModule, { logger: false });
}
