import 'reflect-metadata';
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CacheDriver, type CacheOptions } from 'nest-backplane/cache';
import { FakeClock, TestingBackplaneModule } from 'nest-backplane/testing';
import { MapCacheDriver } from './map-cache.driver.js';

/** What our driver has to do is what the library's does: one suite, both drivers. */
const SUBJECTS: Readonly<Record<string, CacheOptions>> = {
  'our driver': { driver: ({ clock }) => new MapCacheDriver(clock) },
  "the library's memory driver": {},
};

const [ONE, TWO] = [Buffer.from('one'), Buffer.from([0, 0xff])];

for (const [name, cache] of Object.entries(SUBJECTS)) {
  describe(name, () => {
    let app: INestApplicationContext;
    let driver: CacheDriver;

    beforeEach(async () => {
      const module = TestingBackplaneModule.forRoot({ cache });
      app = await NestFactory.createApplicationContext(module, { logger: false });
      driver = app.get<CacheDriver>(CacheDriver);
    });

    afterEach(() => app.close());

    it('gives back the bytes until their time is over, and takes them anew', async () => {
      await driver.set('key', ONE, 1_000);
      app.get(FakeClock).advance(999);
      assert.deepEqual(await driver.get('key'), ONE);
      app.get(FakeClock).advance(2);
      assert.equal(await driver.get('key'), undefined);
      assert.equal(await driver.delete(['key']), 0);
      await driver.set('key', TWO, 1_000);
      assert.deepEqual(await driver.get('key'), TWO);
    });

    it('counts what it deletes, each key once', async () => {
      await driver.set('a', ONE, 1_000);
      await driver.set('b', ONE, 1_000);
      assert.equal(await driver.delete(['a', 'absent', 'a']), 1);
      assert.deepEqual(await driver.get('b'), ONE);
    });

    it('deletes what matches a glob and nothing else', async () => {
      for (const key of ['user:1', 'user:22', 'user:*', 'users']) await driver.set(key, ONE, 1_000);
      assert.equal(await driver.deleteMatching('user:\\*'), 1);
      assert.equal(await driver.deleteMatching('user:?'), 1);
      assert.deepEqual(await driver.get('user:22'), ONE);
      assert.equal(await driver.deleteMatching('*'), 2);
    });

    it('refuses wrong keys and times, and then changes nothing', async () => {
      await driver.set('a', ONE, 1_000);
      for (const call of [
        () => driver.get(''),
        () => driver.set('k'.repeat(1_025), TWO, 1_000),
        () => driver.set('a', TWO, 0.5),
        () => driver.delete(['a', '']),
      ]) {
        await assert.rejects(call, { code: 'E_INVALID_OPTION' });
      }
      assert.deepEqual(await driver.get('a'), ONE);
    });
  });
}
