import fc from 'fast-check';
import {
  ConfigError,
  describeConfig,
  ENVIRONMENT,
  type EnvironmentName,
  loadConfig,
  renderEnvironmentTable,
} from '../../src/common/config/index.js';
import { codePoint } from '../support/code-point.js';

type Env = Readonly<Record<string, string>>;

const SECRET = 'zq7-hunter2-k9x4';
const SENTINEL = { REDIS_SENTINELS: 's1:1', REDIS_SENTINEL_NAME: 'mymaster' };

function refusal(env: Env): ConfigError {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error(`accepted ${JSON.stringify(env)}`);
}

describe('secrets', () => {
  it.each<[string, Env]>([
    ['a URL with credentials', { REDIS_URL: `http://u:${SECRET}@h` }],
    ['a URL whose password is not encoded', { DATABASE_URL: `postgres://u:${SECRET}#@h` }],
    ['a token', { ADMIN_TOKEN: `${SECRET} x` }],
    ['a URL in the place of a host', { REDIS_HOST: `redis://u:${SECRET}@h` }],
    ['credentials in a list of nodes', { REDIS_SENTINELS: `u:${SECRET}@h:1` }],
    ['a password in the place of a port', { REDIS_PORT: SECRET, REDIS_PASSWORD: SECRET }],
    ['part of a URL in the place of a port', { PORT: SECRET, SMTP_URL: `smtp://u:${SECRET}@h` }],
  ])('%s is not in the error', (_title, env) => {
    const error = refusal(env);
    expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain(SECRET);
  });

  const FULL: Env = {
    DATABASE_URL: `postgres://u:${SECRET}@db/app?password=${SECRET}`,
    SMTP_URL: `smtp://${SECRET}:${SECRET}@mail`,
    ADMIN_TOKEN: SECRET,
  };

  it.each<[string, Env, string]>([
    [
      'URLs',
      { REDIS_URL: `rediss://u:${SECRET}@h:1/2`, REDIS_CACHE_URL: `redis://:${SECRET}@c` },
      'redis: rediss://***@h:1/2',
    ],
    ['a host', { REDIS_HOST: 'h', REDIS_PASSWORD: SECRET, REDIS_PREFIX: 'shop' }, 'redis: ***@h/0'],
    [
      'Sentinels',
      { ...SENTINEL, REDIS_PASSWORD: SECRET, REDIS_CACHE_PREFIX: 'c' },
      'redis: ***@mymaster/0 by sentinels s1:1',
    ],
    [
      'a cluster',
      { REDIS_CLUSTER_NODES: 'a:1,b', REDIS_PASSWORD: SECRET },
      'redis: cluster ***@a:1,b',
    ],
    ['nothing', {}, 'redis: none, embedded mode'],
  ])('describeConfig shows %s without them', (_title, env, line) => {
    const lines = describeConfig(loadConfig({ ...FULL, ...env }));
    expect(lines).toContain(line);
    expect(lines).toContain('database: postgres://***@db/app?***');
    expect(lines).toContain('admin token: ***');
    expect(lines.join()).not.toContain(SECRET);
  });

  it('describeConfig says what an empty environment means', () => {
    expect(describeConfig(loadConfig({}))).toEqual([
      'http: 0.0.0.0 port 3000, development',
      'trust proxy: false',
      'redis: none, embedded mode',
      'cache: ttl 5m, 1000 entries, fallback memory',
      'sessions in Redis: no',
      'database: embedded',
      'mail: not sent',
      'login: otp',
      'admin token: random',
      'log level: info',
    ]);
  });

  it('never reach a message, whatever the environment holds', () => {
    fc.assert(fc.property(anyEnvironment(), isSafe), { numRuns: 2_000 });
  });
});

describe('ENVIRONMENT', () => {
  /** What an example needs beside it to mean something. */
  const COMPANIONS: Readonly<Partial<Record<EnvironmentName, Env>>> = {
    REDIS_PORT: { REDIS_HOST: 'h' },
    REDIS_DB: { REDIS_HOST: 'h' },
    REDIS_USERNAME: { REDIS_HOST: 'h', REDIS_PASSWORD: 'p' },
    REDIS_PASSWORD: { REDIS_HOST: 'h' },
    REDIS_SENTINELS: { REDIS_SENTINEL_NAME: 'm' },
    REDIS_SENTINEL_NAME: { REDIS_SENTINELS: 'a:1' },
    REDIS_CACHE_URL: { REDIS_HOST: 'h' },
    REDIS_QUEUE_URL: { REDIS_HOST: 'h' },
    USE_REDIS_SESSIONS: { REDIS_HOST: 'h' },
  };
  // A command for a shell, so that nobody runs with a token that everybody knows.
  const examples = ENVIRONMENT.filter(({ name }) => name !== 'ADMIN_TOKEN');

  it.each(examples)('the example of $name works', ({ name, example }) => {
    expect(() => loadConfig({ ...COMPANIONS[name], [name]: example })).not.toThrow();
  });

  it('refuses the example of ADMIN_TOKEN where no shell has run it', () => {
    const { example } = ENVIRONMENT.find(({ name }) => name === 'ADMIN_TOKEN') ?? {};
    expect(refusal({ ADMIN_TOKEN: example ?? '' }).variable).toBe('ADMIN_TOKEN');
  });

  it('names every variable once', () => {
    const names = ENVIRONMENT.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('renders as a Markdown table with one row a variable', () => {
    const [head, rule, ...rows] = renderEnvironmentTable().split('\n');
    expect(head).toBe('| Name | Meaning | Default | Example |');
    expect(rule).toBe('| --- | --- | --- | --- |');
    expect(rows).toHaveLength(ENVIRONMENT.length);
    expect(rows).toContain(
      '| `PORT` | Port the server listens on; 0 = any free one | 3000 | `3000` |',
    );
  });
});

/** Good values, bad values, nonsense, and secrets in every place, right or wrong. */
function anyEnvironment(): fc.Arbitrary<Env> {
  const text = fc.oneof(
    fc.string({ unit: codePoint }),
    fc.string(),
    fc.constantFrom('1', '0', 'true', 'h', 'a:1,b:2', 'redis://h', 'production', '"x"', 'otp'),
    fc.constantFrom('x\ny', '1\r\n2', 'redis://h\u2028x', '\u0000', '\ud800', '\u200bh'),
    fc.constantFrom(SECRET, `redis://u:${SECRET}@h`, `u:${SECRET}@h:1`, `smtp://${SECRET}@h`),
    fc.string({ unit: codePoint }).map((noise) => `redis://u:${SECRET}@${noise}`),
  );
  const setting = fc.constantFrom(...ENVIRONMENT).chain(({ name, example, secret }) => {
    const own = secret ? fc.constant(SECRET) : fc.constant(example);
    return fc.tuple(fc.constant(name), fc.oneof(text, own, fc.constant(example)));
  });
  // A secret in a variable that is not secret is known only where it is in its own one, too.
  const base = fc.constantFrom<Env>(
    { REDIS_PASSWORD: SECRET, REDIS_HOST: 'h' },
    { REDIS_URL: `redis://:${SECRET}@h` },
    { ADMIN_TOKEN: SECRET },
  );
  const settings = fc.array(setting, { maxLength: 4 });
  return fc
    .tuple(base, settings)
    .map(([known, more]) => ({ ...Object.fromEntries(more), ...known }));
}

function isSafe(env: Env): void {
  try {
    const lines = describeConfig(loadConfig(env));
    // The variables that are shown may hold anything, even somebody's password.
    const shown = ENVIRONMENT.filter(({ secret }) => !secret).map(({ name }) => env[name] ?? '');
    if (!shown.some((value) => value.includes(SECRET))) expect(lines.join()).not.toContain(SECRET);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.message).toMatch(/^[^\n\r\u2028\u2029]+$/);
    expect(error.message).not.toContain(SECRET);
  }
}
