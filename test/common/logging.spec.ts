import { Body, Controller, Get, Logger, Post } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { CoreModule } from '../../src/common/core.module.js';
import { BackplaneExceptionFilter } from '../../src/common/http/index.js';
import { JsonLogger, type JsonLoggerOptions } from '../../src/common/logging/index.js';
import { PLATFORMS, startApp, type TestApp } from '../support/app.js';

const SECRET = 'redis://:hunter2@10.1.2.3:6379';

type Line = Readonly<Record<string, unknown>>;

/** Collects what a logger writes; every line has to be JSON by itself. */
class Lines {
  readonly all: Line[] = [];

  write(text: string): void {
    expect(text).toMatch(/^[^\n]+\n$/);
    this.all.push(JSON.parse(text) as Line);
  }
}

describe('JsonLogger', () => {
  let lines: Lines;

  beforeEach(() => {
    lines = new Lines();
  });

  function logger(options: JsonLoggerOptions = { level: 'trace' }): JsonLogger {
    return new JsonLogger({ ...options, destination: lines });
  }

  it.each([
    ['log', 'info'],
    ['error', 'error'],
    ['warn', 'warn'],
    ['debug', 'debug'],
    ['verbose', 'trace'],
    ['fatal', 'fatal'],
  ] as const)('writes %s as one line of level %s with time, context and msg', (method, level) => {
    logger()[method]('the lamp is on', 'Lamp');
    const [line] = lines.all;
    expect(line).toEqual({
      level,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      context: 'Lamp',
      msg: 'the lamp is on',
    });
  });

  it.each<[string, unknown, string]>([
    ['a line break', 'one\ntwo', 'one\ntwo'],
    ['a quote', '"}', '"}'],
    ['a number', 42, '42'],
    ['undefined', undefined, 'undefined'],
    ['a bigint', 10n, '10'],
  ])('keeps %s in one line', (_what, message, msg) => {
    logger().log(message, 'Lamp');
    expect(lines.all).toEqual([expect.objectContaining({ msg, context: 'Lamp' })]);
  });

  it('takes the fields of an object', () => {
    logger().log({ msg: 'request', status: 200 }, 'Request');
    expect(lines.all).toEqual([
      expect.objectContaining({ msg: 'request', status: 200, context: 'Request' }),
    ]);
  });

  it('leaves out what it was not given', () => {
    logger().log('alone');
    logger().log(null);
    const [level, time] = ['info', expect.any(String)];
    expect(lines.all).toEqual([
      { level, time, msg: 'alone' },
      { level, time },
    ]);
  });

  it.each<[string, (error: Error) => readonly [unknown, ...unknown[]]]>([
    ['as the message', (error) => [error, 'Lamp']],
    ['after the message', (error) => ['it broke', error, 'Lamp']],
    ['as Nest passes it', (error) => [error, undefined, 'Lamp']],
  ])('writes an error given %s with stack and cause', (_what, argumentsWith) => {
    const error = new TypeError('no bulb', { cause: new Error('sold out') });
    const [message, ...rest] = argumentsWith(error);
    logger().error(message, ...rest);
    expect(lines.all).toEqual([
      expect.objectContaining({
        context: 'Lamp',
        err: expect.objectContaining({
          type: 'TypeError',
          message: expect.stringContaining('no bulb'),
          stack: expect.stringMatching(/no bulb[^]*logging\.spec[^]*sold out/),
        }),
      }),
    ]);
  });

  it.each<[string, readonly string[]]>([
    ['with a context', ['Lamp']],
    ['without one', []],
  ])('writes a stack given as a text %s', (_what, context) => {
    const { stack } = new Error('no bulb');
    logger().error('no bulb', stack, ...context);
    const [line] = lines.all;
    expect(line).toMatchObject({ msg: 'no bulb', stack });
    expect(line?.['context']).toBe(context[0]);
  });

  it('keeps whatever else came with the message', () => {
    logger().warn('two things', { a: 1 }, ['b'], 'Lamp');
    expect(lines.all).toEqual([
      expect.objectContaining({ msg: 'two things', details: [{ a: 1 }, ['b']], context: 'Lamp' }),
    ]);
  });

  it('writes nothing below its level, and nothing at all when silent', () => {
    const warning = logger({ level: 'warn' });
    warning.log('no');
    warning.warn('yes');
    logger({ level: 'silent' }).fatal('no');
    logger({}).debug('no');
    expect(lines.all.map(({ msg }) => msg)).toEqual(['yes']);
  });

  it('writes information of quiet contexts as debug, but not their warnings', () => {
    const quiet = logger({ quietContexts: ['RouterExplorer'] });
    quiet.log('mapped', 'RouterExplorer');
    quiet.warn('odd', 'RouterExplorer');
    quiet.log('mapped', 'Other');
    expect(lines.all.map(({ context, level }) => [context, level])).toEqual([
      ['RouterExplorer', 'warn'],
      ['Other', 'info'],
    ]);
  });
});

@Controller()
class LampController {
  readonly #logger = new Logger('Lamp');

  @Get('lamp')
  async get(): Promise<void> {
    await this.#work('get');
  }

  @Post('lamp')
  async post(@Body() body: { readonly name: string }): Promise<void> {
    await this.#work(body.name);
  }

  @Get('broken')
  broken(): never {
    throw new Error(`connect ECONNREFUSED ${SECRET}`);
  }

  async #work(name: string): Promise<void> {
    this.#logger.log(`${name} begins`);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
    await new Promise(setImmediate);
    this.#logger.log(`${name} ends`);
  }
}

describe.each(PLATFORMS)('log lines of requests on %s', (platform) => {
  let lines: Lines;
  let server: TestApp;

  beforeEach(async () => {
    lines = new Lines();
    server = await startApp(platform, {
      imports: [CoreModule],
      controllers: [LampController],
      providers: [{ provide: APP_FILTER, useClass: BackplaneExceptionFilter }],
    });
    server.app.useLogger(new JsonLogger({ destination: lines }));
  });

  afterEach(async () => {
    await server.close();
    Logger.overrideLogger(false);
  });

  it.each(['GET', 'POST'])('carry the id of their request: %s', async (method) => {
    await ask('/lamp', method, 'lamp-1');
    expect(lines.all).toHaveLength(2);
    for (const line of lines.all) expect(line).toMatchObject({ request_id: 'lamp-1' });
  });

  it('of concurrent requests do not mix', async () => {
    const ids = Array.from({ length: 40 }, (_, index) => `request-${index}`);
    await Promise.all(ids.map((id) => ask('/lamp', 'POST', id)));
    expect(lines.all).toHaveLength(80);
    for (const { msg, request_id: id } of lines.all) expect(String(msg).split(' ')[0]).toBe(id);
  });

  it('have the stack of an error, which the answer has not', async () => {
    const response = await ask('/broken', 'GET', 'broken-1');
    const answer = await response.text();
    expect(answer).not.toMatch(/hunter2|10\.1\.2\.3|ECONNREFUSED|\bat /);
    expect(lines.all).toEqual([
      expect.objectContaining({
        level: 'error',
        request_id: 'broken-1',
        context: 'BackplaneExceptionFilter',
        err: expect.objectContaining({
          message: expect.stringContaining('ECONNREFUSED'),
          stack: expect.stringContaining('LampController'),
        }),
      }),
    ]);
  });

  it('written outside of a request carry none', async () => {
    new Logger('Lamp').log('at night');
    expect(lines.all).toEqual([expect.not.objectContaining({ request_id: expect.anything() })]);
  });

  function ask(path: string, method: string, id: string): Promise<Response> {
    const headers = { 'X-Request-Id': id, 'Content-Type': 'application/json' };
    const body = method === 'POST' ? JSON.stringify({ name: id }) : null;
    return fetch(`${server.url}${path}`, { method, headers, body });
  }
});
