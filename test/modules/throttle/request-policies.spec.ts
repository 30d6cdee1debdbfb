import { All, Controller, Get, Version, VERSION_NEUTRAL } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import type { HttpRequest } from '../../../src/common/http/index.js';
import { RateLimit, SkipRateLimit } from '../../../src/modules/throttle/index.js';
import { RequestPolicies } from '../../../src/modules/throttle/requests/request-policies.js';
import {
  resolveThrottleOptions,
  type ThrottleOptions,
} from '../../../src/modules/throttle/throttle.options.js';

@RateLimit({ limit: 10, window: '1m' })
class Decorated {
  @Get()
  @RateLimit({ limit: 5, window: '1s' }, { limit: 50, window: '1h' })
  own(): void {}

  @Get()
  inherited(): void {}

  @Get()
  @RateLimit({ limit: 7, window: '1m', name: 'group', onRedisDown: 'closed' })
  grouped(): void {}

  @Get()
  @SkipRateLimit()
  free(): void {}
}

class Plain {
  @Get()
  own(): void {}

  @Get()
  @RateLimit({ limit: 7, window: '1m', name: 'group' })
  grouped(): void {}
}

@SkipRateLimit()
class Free {
  @Get()
  @RateLimit({ limit: 1, window: '1m' })
  own(): void {}
}

@Controller()
class Several {
  @All('pay')
  @RateLimit({ limit: 1, window: '1m' })
  any(): void {}

  @Get(['a', 'b'])
  @RateLimit({ limit: 2, window: '1m' })
  aliased(): void {}

  @Get('x')
  @Version('1')
  @RateLimit({ limit: 3, window: '1s' })
  oldest(): void {}

  @Get('x')
  @Version('2')
  @RateLimit({ limit: 3, window: '1d' })
  newest(): void {}

  @Get('x')
  @Version(['3', VERSION_NEUTRAL])
  @RateLimit({ limit: 3, window: '1d' })
  latest(): void {}
}

/** Of one class name and path, as controllers of two versions often are. */
const VERSIONS = ['1', '2'].map((version) => {
  @Controller({ path: 'cats', version })
  class CatsController {
    @RateLimit({ limit: 3, window: '1m', scope: 'controller' })
    list(): void {}
  }
  return CatsController;
});

@Controller('scoped')
class Scoped {
  @RateLimit({ limit: 3, window: '1m', scope: 'controller' })
  one(): void {}

  @RateLimit({ limit: 4, window: '1m', scope: 'controller' })
  other(): void {}

  @RateLimit({ limit: 5, window: '1h', scope: 'controller' })
  longer(): void {}

  @RateLimit({ limit: 6, window: '1m', scope: 'controller', count: 'failures' })
  failing(): void {}

  @RateLimit({ limit: 6, window: '1m', scope: 'global' })
  everywhere(): void {}

  @RateLimit(
    { limit: 7, window: '1d', scope: 'global' },
    { limit: 8, window: '1m', scope: 'global' },
  )
  twice(): void {}

  @RateLimit({ limit: 9, window: '1m', scope: 'global', strategy: 'gcra' })
  paced(): void {}
}

const DEFAULT = { default: { limit: 100, window: '1m' } } as const;

/** A controller class and one of its methods. */
type Route = readonly [controller: new () => object, handler: string];

interface Asked {
  readonly route: Route;
  readonly path: string;
  readonly method?: string;
  /** @default the path */
  readonly template?: string;
}

function policiesFor(options: ThrottleOptions) {
  const policies = new RequestPolicies(resolveThrottleOptions(options), new Reflector());
  return ({ route: [controller, handler], path, method = 'GET', template = path }: Asked) => {
    const request: HttpRequest = {
      method,
      url: path,
      headers: {},
      routeOptions: { url: template },
    };
    const callback: unknown = Reflect.get(controller.prototype, handler);
    if (typeof callback !== 'function') throw new Error(`no method ${handler}`);
    const context = new ExecutionContextHost([], controller, callback as () => void);
    return policies.of(context, request).map(({ name, limit }) => `${name}: ${String(limit)}`);
  };
}

describe('the policies of a request', () => {
  it('are the default one where nothing else says anything', () => {
    expect(policiesFor(DEFAULT)({ route: [Plain, 'own'], path: '/a' })).toEqual(['default: 100']);
  });

  it('are none where there is no default either', () => {
    expect(policiesFor({})({ route: [Plain, 'own'], path: '/a' })).toEqual([]);
  });

  it('are those of the method instead of those of its class', () => {
    const of = policiesFor(DEFAULT);
    expect(of({ route: [Decorated, 'own'], path: '/a' })).toEqual(['@GET /a: 5', '@GET /a #2: 50']);
    expect(of({ route: [Decorated, 'inherited'], path: '/b' })).toEqual(['@GET /b: 10']);
  });

  it('are those of every pattern that matches, added to those of decorators', () => {
    const of = policiesFor({
      ...DEFAULT,
      routes: [
        { path: '/api/**', limit: 60, window: '1m' },
        { path: '/api/a', method: 'POST', limit: 30, window: '1m' },
        { path: '/other', limit: 20, window: '1m' },
      ],
    });
    const path = '/api/a';
    expect(of({ route: [Plain, 'own'], path, method: 'POST' })).toEqual([
      'ANY /api/**: 60',
      'POST /api/a: 30',
    ]);
    expect(of({ route: [Decorated, 'inherited'], path })).toEqual([
      '@GET /api/a: 10',
      'ANY /api/**: 60',
    ]);
  });

  it('never share a counter by accident', () => {
    const of = policiesFor({
      routes: [
        { path: '/a', method: 'GET', limit: 3, window: '1s' },
        { path: '/a', method: 'GET', limit: 30, window: '1h' },
      ],
    });
    expect(of({ route: [Decorated, 'inherited'], path: '/a' })).toEqual([
      '@GET /a: 10',
      'GET /a: 3',
      'GET /a #2: 30',
    ]);
  });

  it('have the name they were given, the same on every route of a group', () => {
    const of = policiesFor(DEFAULT);
    expect(of({ route: [Decorated, 'grouped'], path: '/a' })).toEqual(['group: 7']);
    expect(of({ route: [Plain, 'grouped'], path: '/b', method: 'POST' })).toEqual(['group: 7']);
  });

  it('are called by the template of the route, so that its paths share a counter', () => {
    const of = policiesFor({});
    const template = '/users/:id';
    const route: Route = [Decorated, 'inherited'];
    const name = '@GET /users/:id: 10';
    expect(of({ route, path: '/users/1', template })).toEqual([name]);
    expect(of({ route, path: '/users/2?page=1', template })).toEqual([name]);
    expect(of({ route, path: '/users/1', template, method: 'HEAD' })).toEqual([name]);
  });

  it('are called by what the handler answers, and not by what the client asks for', () => {
    const of = policiesFor({});
    const called = (handler: string, path: string, method = 'GET') =>
      of({ route: [Several, handler], path, method });
    expect(called('any', '/pay', 'PATCH')).toEqual(['@ALL /pay: 1']);
    expect(called('any', '/pay', 'PROPFIND')).toEqual(['@ALL /pay: 1']);
    expect(called('aliased', '/a')).toEqual(called('aliased', '/b'));
    expect(called('newest', '/x')).not.toEqual(called('oldest', '/x'));
    expect(called('latest', '/x')).not.toEqual(called('newest', '/x'));
  });

  it('are called by the handler where the platform does not tell its route: never by the path', () => {
    const policies = new RequestPolicies(resolveThrottleOptions({}), new Reflector());
    const context = new ExecutionContextHost([], Decorated, Decorated.prototype.inherited);
    const names = ['/users/1', '/users/2'].flatMap((url) =>
      policies.of(context, { method: 'GET', url, headers: {} }).map(({ name }) => name),
    );
    expect(names).toEqual(['@GET Decorated.inherited', '@GET Decorated.inherited']);
  });

  it('are not those of a controller of the same name and path in another version', () => {
    const of = policiesFor({});
    const names = VERSIONS.flatMap((version) => of({ route: [version, 'list'], path: '/cats' }));
    expect(new Set(names).size).toBe(2);
  });

  it('are not mixed up between controllers whose methods have the same name', () => {
    const of = policiesFor(DEFAULT);
    expect(of({ route: [Decorated, 'own'], path: '/a' })).toHaveLength(2);
    expect(of({ route: [Plain, 'own'], path: '/a' })).toEqual(['default: 100']);
  });

  it('are called by their scope, and never as others that they contradict', () => {
    const of = policiesFor({});
    const namesOf = (handler: string) => of({ route: [Scoped, handler], path: `/${handler}` });
    expect(namesOf('one')).toEqual(['@controller Scoped /scoped 1m: 3']);
    expect(namesOf('other')).toEqual(['@controller Scoped /scoped 1m: 4']);
    expect(namesOf('longer')).toEqual(['@controller Scoped /scoped 1h: 5']);
    expect(namesOf('failing')).toEqual(['@controller Scoped /scoped 1m failures: 6']);
    expect(namesOf('everywhere')).toEqual(['@global 1m: 6']);
    expect(namesOf('twice')).toEqual(['@global 1d: 7', '@global 1m: 8']);
    expect(namesOf('paced')).toEqual(['@global 9/1m 1: 9']);
  });

  it('are refused where one of the route and one of its pattern contradict each other', () => {
    const of = policiesFor({ routes: [{ path: '/a', limit: 7, window: '1h', name: 'group' }] });
    expect(() => of({ route: [Plain, 'grouped'], path: '/a' })).toThrow(
      expect.objectContaining({ code: 'E_LIMIT_MISCONFIGURED', policy: 'group', option: 'window' }),
    );
  });

  it('are none on a method or class that is exempt, whatever the patterns say', () => {
    const of = policiesFor({ ...DEFAULT, routes: [{ path: '/**', limit: 1, window: '1m' }] });
    expect(of({ route: [Decorated, 'free'], path: '/a' })).toEqual([]);
    expect(of({ route: [Free, 'own'], path: '/a' })).toEqual([]);
  });

  it('stay the same for the ten-thousandth path of a wildcard route', () => {
    const of = policiesFor({ routes: [{ path: '/files/secret', limit: 1, window: '1m' }] });
    const template = '/files/*name';
    for (let file = 0; file < 10_000; file += 1) {
      of({ route: [Plain, 'own'], path: `/files/${file}`, template });
    }
    expect(of({ route: [Plain, 'own'], path: '/files/secret', template })).toEqual([
      'ANY /files/secret: 1',
    ]);
    expect(of({ route: [Plain, 'own'], path: '/files/9999', template })).toEqual([]);
  });
});

describe('the known policies', () => {
  const request = { method: 'GET', url: '/a', headers: {}, routeOptions: { url: '/a' } };

  it('are those of the configuration from the start, those of decorators once they were met', () => {
    const options = { ...DEFAULT, routes: [{ path: '/soon/**', limit: 5, window: '1m' }] } as const;
    const policies = new RequestPolicies(resolveThrottleOptions(options), new Reflector());
    const names = () => policies.known.list().map(({ name }) => name);
    expect(names()).toEqual(['default', 'ANY /soon/**']);
    const { own } = Decorated.prototype;
    for (let time = 0; time < 2; time += 1) {
      policies.of(new ExecutionContextHost([], Decorated, own), request);
    }
    expect(names()).toEqual(['default', 'ANY /soon/**', '@GET /a', '@GET /a #2']);
  });
});

describe('the failure policy of a limit', () => {
  it('is its own, or that of the module', async () => {
    const policies = new RequestPolicies(
      resolveThrottleOptions({
        onRedisDown: 'open',
        routes: [
          { path: '/a', limit: 1, window: '1m' },
          { path: '/a', limit: 1, window: '1m', onRedisDown: 'closed' },
        ],
      }),
      new Reflector(),
    );
    const found = policies.ofUnmatched({ method: 'GET', url: '/a', headers: {} });
    const request = { method: 'GET', url: '/a', headers: {} };
    const asked = await Promise.all(found.map((limit) => limit.policyFor(request)));
    expect(asked).toMatchObject([{ onRedisDown: 'open' }, { onRedisDown: 'closed' }]);
  });
});

describe('the policies of a request that no route answers', () => {
  const policies = new RequestPolicies(
    resolveThrottleOptions({ ...DEFAULT, routes: [{ path: '/soon/**', limit: 5, window: '1m' }] }),
    new Reflector(),
  );
  const namesAt = (url: string): readonly string[] =>
    policies.ofUnmatched({ method: 'GET', url, headers: {} }).map(({ name }) => name);

  it('are those of the patterns, or the default', () => {
    expect(namesAt('/soon/here?x=1')).toEqual(['ANY /soon/**']);
    expect(namesAt('/nowhere')).toEqual(['default']);
  });
});
