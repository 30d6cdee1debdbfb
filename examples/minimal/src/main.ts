import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import { BackplaneExceptionFilter, BackplaneModule } from 'nest-backplane';
import { MapCacheDriver } from './map-cache.driver.js';
import { Receipts, ShopController } from './shop.controller.js';

@Module({
  imports: [
    BackplaneModule.forRoot({
      cache: { driver: ({ clock }) => new MapCacheDriver(clock) },
      throttle: { default: { limit: 100, window: '1m' } },
      session: { cookie: { secure: false } },
      lock: {},
      pubsub: {},
      queue: {},
      health: {},
    }),
  ],
  controllers: [ShopController],
  providers: [Receipts, { provide: APP_FILTER, useClass: BackplaneExceptionFilter }],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
await app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1');
console.log(`listening on ${await app.getUrl()}`);
