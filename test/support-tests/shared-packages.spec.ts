import { readFile } from 'node:fs/promises';
import { Logger } from '@nestjs/common';
import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { BackplaneError } from '../../src/common/errors/index.js';

/** What jest asks of an environment, as far as it is needed here. */
interface TestEnvironment {
  readonly moduleMocker: Pick<typeof jest, 'spyOn'>;
  readonly fakeTimersModern: { useFakeTimers(): void };
  teardown(): Promise<void>;
}

type EnvironmentClass = new (options: { projectConfig: { fakeTimers: object } }) => TestEnvironment;

describe('a spec file', () => {
  it("gets node's own errors and bytes as it knows them", async () => {
    const failure: unknown = await readFile('/nonexistent').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Error);
    expect(Buffer.from('x')).toBeInstanceOf(Uint8Array);
    expect(structuredClone(new Map())).toBeInstanceOf(Map);
  });

  it('gets a package that ships both kinds as other packages get it', () => {
    expect(createCache().stores[0]).toBeInstanceOf(Keyv);
  });

  it('evaluates our modules for itself, on packages that are there already', async () => {
    await jest.isolateModulesAsync(async () => {
      const ours = await import('../../src/common/errors/index.js');
      const nest = await import('@nestjs/common');
      expect(ours.BackplaneError).not.toBe(BackplaneError);
      expect(nest.Logger).toBe(Logger);
    });
  });

  it('can do without a package, or have another in its place', async () => {
    jest.doMock('cookie', () => ({ parse: () => 'mocked' }));
    const mocked = await import('cookie');
    expect(mocked.parse).not.toBe(jest.requireActual<typeof mocked>('cookie').parse);
    jest.dontMock('cookie');
  });
});

describe('the environment of spec files', () => {
  const Environment = jest.requireActual<EnvironmentClass>(
    '../support/jest/shared-context-environment.cjs',
  );
  let environment: TestEnvironment;

  beforeEach(() => {
    environment = new Environment({ projectConfig: { fakeTimers: {} } });
  });

  it('puts back what a file changed of the process', async () => {
    const { exit, exitCode, env } = process;
    const { console } = globalThis;
    const path = env['PATH'];
    Object.assign(env, { PATH: '/elsewhere', ADDED_BY_A_FILE: 'yes' });
    Object.assign(process, { exit: () => undefined, exitCode: 3 });
    globalThis.console = { ...console };
    await environment.teardown();
    expect([env['PATH'], env['ADDED_BY_A_FILE']]).toEqual([path, undefined]);
    expect([process.exit, process.exitCode]).toEqual([exit, exitCode]);
    expect(globalThis.console).toBe(console);
  });

  it('ends the spies and the fake timers of a file', async () => {
    const { random } = Math;
    const { setTimeout } = globalThis;
    environment.moduleMocker.spyOn(Math, 'random').mockReturnValue(0.5);
    environment.fakeTimersModern.useFakeTimers();
    expect([Math.random, globalThis.setTimeout]).not.toEqual([random, setTimeout]);
    await environment.teardown();
    expect([Math.random, globalThis.setTimeout]).toEqual([random, setTimeout]);
  });

  it('lets go of the tests of a file, but not of what packages share', async () => {
    const ofJest = Symbol('JEST_STATE_SYMBOL');
    const ofPackage = Symbol.for('a package shares this');
    Object.assign(globalThis, { [ofJest]: {}, [ofPackage]: {} });
    await environment.teardown();
    expect([ofJest in globalThis, ofPackage in globalThis]).toEqual([false, true]);
    Reflect.deleteProperty(globalThis, ofPackage);
  });
});
