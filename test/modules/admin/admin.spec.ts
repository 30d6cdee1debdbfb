import { Controller, Get, UseGuards } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { BackplaneModule } from '../../../src/backplane.module.js';
import { BackplaneExceptionFilter } from '../../../src/common/http/index.js';
import { AdminModule, AdminTokenGuard } from '../../../src/modules/admin/index.js';
import { PLATFORMS, startApp, type TestApp } from '../../support/app.js';
import { startStandalone } from '../../support/redis/redis-standalone.js';
import { useStarted } from '../../support/redis/shared-redis.js';

const TOKEN = 'a-token-of-an-operator';

const UNAUTHORIZED = {
  error: 'Unauthorized',
  message: 'Unauthorized',
  code: 'E_UNAUTHORIZED',
  request_id: expect.any(String) as unknown,
};

@Controller('operators')
@UseGuards(AdminTokenGuard)
class OperatorsController {
  @Get()
  list(): readonly string[] {
    return ['ada'];
  }
}

describe.each(PLATFORMS)('the endpoints for operators on %s', (platform) => {
  const redis = useStarted(() => startStandalone());
  let server: TestApp;

  beforeAll(async () => {
    server = await startApp(platform, {
      imports: [
        BackplaneModule.forRoot({
          redis: { connections: { default: { url: redis().url } }, bootTimeout: '10s' },
          health: { deadline: '5s' },
        }),
        AdminModule.forRoot({ token: TOKEN }),
      ],
      controllers: [OperatorsController],
      providers: [{ provide: APP_FILTER, useClass: BackplaneExceptionFilter }],
    });
  });

  afterAll(() => server.close());

  it.each([
    ['no header', undefined],
    ['an empty one', ''],
    ['no token', 'Bearer'],
    ['an empty token', 'Bearer '],
    ['a wrong token', 'Bearer wrong'],
    ['the beginning of the token', `Bearer ${TOKEN.slice(0, -1)}`],
    ['more than the token', `Bearer ${TOKEN}x`],
    ['the token in capitals', `Bearer ${TOKEN.toUpperCase()}`],
    ['the token twice', `Bearer ${TOKEN} ${TOKEN}`],
    ['another scheme', `Basic ${TOKEN}`],
    ['the token alone', TOKEN],
    ['a token of many bytes', `Bearer ${'x'.repeat(8_000)}`],
  ])('answer 401 without a hint to %s', async (_what, authorization) => {
    const response = await ask('/api/v1/redis/health', authorization);
    expect(response.status).toBe(401);
    await expect(response.json()).resolves.toEqual(UNAUTHORIZED);
    expect(response.headers.get('www-authenticate')).toBeNull();
  });

  it.each([
    ['the token', `Bearer ${TOKEN}`],
    ['the scheme in any case', `bEARER ${TOKEN}`],
    ['more than one space', `Bearer   ${TOKEN}`],
  ])('let %s through', async (_what, authorization) => {
    await expect(ask('/api/v1/redis/health', authorization)).resolves.toMatchObject({
      status: 200,
    });
  });

  it('tell of Redis what the health page tells', async () => {
    const [admin, health] = await Promise.all(
      ['/api/v1/redis/health', '/health/redis'].map(async (path) => {
        const response = await ask(path, `Bearer ${TOKEN}`);
        return (await response.json()) as { readonly details: object };
      }),
    );
    expect(admin).toMatchObject({ status: 'healthy', details: { topology: 'standalone' } });
    expect(shapeOf(admin)).toEqual(shapeOf(health));
  });

  it('may be joined by those of the application', async () => {
    await expect(ask('/operators')).resolves.toMatchObject({ status: 401 });
    const response = await ask('/operators', `Bearer ${TOKEN}`);
    await expect(response.json()).resolves.toEqual(['ada']);
  });

  function ask(path: string, authorization?: string): Promise<Response> {
    const headers = authorization === undefined ? {} : { Authorization: authorization };
    return fetch(`${server.url}${path}`, { headers });
  }
});

describe('the token of the operators', () => {
  it.each([
    [{ token: 'short' }, 'admin.token'],
    [{ token: undefined }, 'admin.token'],
    [{ token: TOKEN, tokens: [] }, 'admin.tokens'],
  ])(
    'stops the boot when it is %j, naming the option and not the token',
    async (options, option) => {
      const imports = [
        BackplaneModule.forRoot({ health: {} }),
        AdminModule.forRoot(options as never),
      ];
      const boot = Test.createTestingModule({ imports }).compile();
      await expect(boot).rejects.toMatchObject({
        code: 'E_INVALID_OPTION',
        option,
        message: expect.not.stringContaining('short'),
      });
    },
  );
});

/** The names and types in a body, without its values. */
function shapeOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, shapeOf(part)]));
}
