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
      await driver.set('key', { bytes: ONE, ttlMs: 1_000 });
      app.get(FakeClock).advance(999);
      assert.deepEqual((await driver.get('key'))?.bytes, ONE);
      app.get(FakeClock).advance(2);
      assert.equal(await driver.get('key'), undefined);
      assert.equal(await driver.delete(['key']), 0);
      await driver.set('key', { bytes: TWO, ttlMs: 1_000 });
      assert.deepEqual((await driver.get('key'))?.bytes, TWO);
    });

    it('counts what it deletes, each key once', async () => {
      await driver.set('a', { bytes: ONE, ttlMs: 1_000 });
      await driver.set('b', { bytes: ONE, ttlMs: 1_000 });
      assert.equal(await driver.delete(['a', 'absent', 'a']), 1);
      assert.deepEqual((await driver.get('b'))?.bytes, ONE);
    });

    it('deletes what matches a glob and nothing else', async () => {
      for (const key of ['user:1', 'user:22', 'user:*', 'users'])
        await driver.set(key, { bytes: ONE, ttlMs: 1_000 });
      assert.equal(await driver.deleteMatching('user:\\*'), 1);
      assert.equal(await driver.deleteMatching('user:?'), 1);
      assert.deepEqual((await driver.get('user:22'))?.bytes, ONE);
      assert.equal(await driver.deleteMatching('*'), 2);
    });

    it('stores what was loaded, unless something outdated it meanwhile', async () => {
      const tagged = { bytes: TWO, ttlMs: 1_000, tags: ['tag'] };
      for (const outdate of [
        () => driver.set('key', { bytes: ONE, ttlMs: 1_000 }),
        () => driver.delete(['key']),
        () => driver.deleteMatching('k*'),
        () => driver.purge(['tag'], 'hard'),
        () => driver.purge('everything', 'hard'),
      ]) {
        const { permit } = await driver.begin('key');
        await outdate();
        assert.equal(await driver.set('key', tagged, permit), 'outdated');
        const { permit: next } = await driver.begin('key');
        assert.equal(await driver.set('key', tagged, next), 'stored');
        assert.deepEqual((await driver.get('key'))?.tags, ['tag']);
      }
    });

    it('ends a load that comes to nothing, and says whether it was outdated', async () => {
      const load = await driver.begin('key');
      assert.equal(await driver.cancel('key', load.permit, ['tag']), 'current');
      assert.equal(await driver.get('key'), undefined);
      for (const outdate of [
        () => driver.set('key', { bytes: ONE, ttlMs: 1_000 }),
        () => driver.delete(['key']),
        () => driver.purge(['tag'], 'hard'),
      ]) {
        const { permit } = await driver.begin('key');
        await outdate();
        assert.equal(await driver.cancel('key', permit, ['tag']), 'outdated');
      }
    });

    it('purges by tag, softly or hard', async () => {
      await driver.set('key', { bytes: ONE, ttlMs: 1_000, tags: ['tag'] });
      await driver.purge(['tag'], 'soft');
      assert.equal((await driver.get('key'))?.isPurged, true);
      const { permit } = await driver.begin('key');
      await driver.purge(['tag'], 'soft');
      await driver.set('key', { bytes: TWO, ttlMs: 1_000, tags: ['tag'] }, permit);
      assert.equal((await driver.get('key'))?.isPurged, true);
      await driver.purge(['tag'], 'hard');
      assert.equal(await driver.get('key'), undefined);
    });

    it('refuses wrong keys and times, and then changes nothing', async () => {
      await driver.set('a', { bytes: ONE, ttlMs: 1_000 });
      for (const call of [
        () => driver.get(''),
        () => driver.set('k'.repeat(1_025), { bytes: TWO, ttlMs: 1_000 }),
        () => driver.set('a', { bytes: TWO, ttlMs: 0.5 }),
        () => driver.delete(['a', '']),
      ]) {
        await assert.rejects(call, { code: 'E_INVALID_OPTION' });
      }
      assert.deepEqual((await driver.get('a'))?.bytes, ONE);
    });
  });
}
