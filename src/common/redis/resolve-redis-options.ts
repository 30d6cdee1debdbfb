import { z } from 'zod';
import { duration, emitter, parseOptions, positiveInteger } from '../options/index.js';
import { checkBorrowedClient } from './borrowed-client.js';
import { DEFAULT_PREFIX, findPrefixClash, KEY_MODULES, type KeyPrefixes } from './key-modules.js';
import type { RedisBorrowedTarget, RedisOptions, RedisTargets } from './redis.options.js';

const node = z.strictObject({
  host: z.string().min(1, 'must be a host name'),
  port: z.int().min(1).max(65_535).exactOptional(),
});

const tls = z.union([
  z.literal(true),
  z.strictObject({
    ca: z.string().exactOptional(),
    rejectUnauthorized: z.boolean().exactOptional(),
  }),
]);

const credentials = {
  username: z.string().exactOptional(),
  password: z.string().exactOptional(),
  tls: tls.exactOptional(),
};

const db = z.int().min(0).exactOptional();

const urlTarget = z.strictObject({
  url: z.string().regex(/^rediss?:\/\//, 'must start with redis:// or rediss://'),
  tls: tls.exactOptional(),
});

const hostTarget = z.strictObject({ ...node.shape, ...credentials, db });

/** For an option that takes one server by itself. */
export function standaloneTarget() {
  return z.union([urlTarget, hostTarget], 'must be one server by itself: { url } or { host }');
}

const target = z.union(
  [
    urlTarget,
    hostTarget,
    z.strictObject({
      sentinels: z.array(node).min(1),
      name: z.string().min(1),
      sentinelPassword: z.string().exactOptional(),
      ...credentials,
      db,
    }),
    z.strictObject({ cluster: z.array(node).min(1), ...credentials }),
    z.strictObject({ client: emitter<RedisBorrowedTarget['client']>() }),
  ],
  'must be exactly one of { url }, { host }, { sentinels, name }, { cluster } or { client }, with the options that go with it',
);

/** No glob characters, braces or white space: prefixes go into SCAN patterns as they are. */
const prefix = z
  .string()
  .regex(/^[A-Za-z0-9_.:-]{1,100}$/, 'may hold letters, digits and _ . : - (at most 100)');

const modulePrefixes = z.partialRecord(z.enum(KEY_MODULES), prefix);

/** One module's clearing would delete the other's keys. */
function checkPrefixes(options: KeyPrefixes, context: z.RefinementCtx): void {
  const clash = findPrefixClash(options);
  if (clash === undefined) return;
  const message = `shares its keys with the ${clash.rival} module; make them differ`;
  context.addIssue({ code: 'custom', path: ['modulePrefixes', clash.module], message });
}

const breaker = z.strictObject({
  failureThreshold: positiveInteger().default(3),
  probeInterval: duration().prefault('250ms'),
  maxInFlight: positiveInteger().default(10_000),
});

const schema = z
  .strictObject({
    connections: z.strictObject({
      default: target,
      cache: target.exactOptional(),
      queue: target.exactOptional(),
    }),
    prefix: prefix.default(DEFAULT_PREFIX),
    modulePrefixes: modulePrefixes.default({}),
    app: z
      .string()
      .regex(/^[\w.-]{1,64}$/, 'may hold letters, digits and _ . - (at most 64)')
      .default('backplane'),
    connectTimeout: duration().prefault('1s'),
    bootTimeout: duration().prefault('1s'),
    requestBudget: duration().prefault('250ms'),
    maxConnections: positiveInteger().optional(),
    breaker: breaker.prefault({}),
  })
  .superRefine(checkPrefixes)
  .transform((options) => ({
    connections: options.connections satisfies RedisTargets,
    prefix: options.prefix,
    modulePrefixes: options.modulePrefixes,
    app: options.app,
    connectTimeoutMs: options.connectTimeout,
    bootTimeoutMs: options.bootTimeout,
    requestBudgetMs: options.requestBudget,
    maxConnections: options.maxConnections,
    breaker: {
      failureThreshold: options.breaker.failureThreshold,
      probeIntervalMs: options.breaker.probeInterval,
      maxInFlight: options.breaker.maxInFlight,
    },
  }));

export type ResolvedRedisOptions = z.output<typeof schema>;

/** Validates the options and applies the defaults. @throws InvalidOptionError */
export function resolveRedisOptions(options: RedisOptions): ResolvedRedisOptions {
  const resolved = parseOptions(schema, options, 'redis');
  for (const [name, connection] of Object.entries(resolved.connections)) {
    if ('client' in connection) {
      checkBorrowedClient(connection.client, `redis.connections.${name}.client`);
    }
  }
  return resolved;
}
