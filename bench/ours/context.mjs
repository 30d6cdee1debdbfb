import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RedisModule } from '../../dist/index.js';

/** An application without HTTP: our Redis connection and one module on it. */
export function applicationContext(redisUrl, module) {
  class AppModule {}
  Module({
    imports: [RedisModule.forRoot({ connections: { default: { url: redisUrl } } }), module],
  })(AppModule);
  return NestFactory.createApplicationContext(AppModule, { logger: false });
}
