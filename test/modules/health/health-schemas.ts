import { Ajv, type ValidateFunction } from 'ajv';

const ajv = new Ajv({ allErrors: true });

const BACKING = { enum: ['redis', 'memory', 'database', 'none'] };
const COUNT = { type: 'integer', minimum: 0 };

/** An object that has exactly these properties. */
function exactly(properties: Readonly<Record<string, object>>): object {
  const required = Object.keys(properties);
  return { type: 'object', properties, required, additionalProperties: false };
}

const SYSTEM = exactly({
  redis: exactly({
    status: { enum: ['healthy', 'unhealthy', 'disabled'] },
    available: { type: 'boolean' },
  }),
});

const SERVICES = { type: 'object', additionalProperties: BACKING };

const STATE = {
  topology: { enum: ['standalone', 'sentinel', 'cluster'] },
  gate: { enum: ['closed', 'half-open', 'open'] },
};

const INFORMATION = {
  version: { type: 'string', pattern: '^\\d+\\.\\d+\\.\\d+$' },
  role: { enum: ['master', 'slave'] },
  memory: exactly({
    used_bytes: { type: 'integer', exclusiveMinimum: 0 },
    max_bytes: COUNT,
    fragmentation_ratio: { type: 'number', minimum: 0 },
    eviction_policy: { type: 'string' },
  }),
  clients: exactly({ connected: { type: 'integer', minimum: 1 } }),
};

const CONNECTIONS = {
  type: 'array',
  items: exactly({
    connection: { enum: ['default', 'cache', 'queue'] },
    role: { enum: ['command', 'producer', 'worker', 'subscriber', 'probe'] },
    count: COUNT,
  }),
};

const PING = { ping_ms: { type: 'number', exclusiveMinimum: 0 } };

const REDIS_DETAILS = exactly({ ...PING, ...STATE, ...INFORMATION, connections: CONNECTIONS });

const BYTES = { type: 'integer', exclusiveMinimum: 0 };

const LOOKUPS = exactly({
  hits: COUNT,
  misses: COUNT,
  hit_ratio: { type: ['number', 'null'], minimum: 0, maximum: 1 },
});

const DEEP = {
  status: { enum: ['up', 'degraded', 'down'] },
  system: SYSTEM,
  services: SERVICES,
  process: exactly({
    uptime_s: COUNT,
    rss_bytes: BYTES,
    heap_used_bytes: BYTES,
    heap_total_bytes: BYTES,
    external_bytes: BYTES,
  }),
  pools: exactly({
    planned_connections: COUNT,
    max_connections: { type: ['integer', 'null'] },
    redis: {
      type: 'array',
      items: exactly({
        connection: { enum: ['default', 'cache', 'queue'] },
        gate: STATE.gate,
        connections: COUNT,
        calls: COUNT,
        failures: COUNT,
        rejected: COUNT,
        in_flight: COUNT,
      }),
    },
  }),
  details: {
    type: 'object',
    properties: { cache: LOOKUPS },
    additionalProperties: { type: 'object' },
  },
};

/** Bodies as monitors rely on them. */
export const SCHEMAS = {
  health: exactly({
    status: { enum: ['up', 'degraded', 'down'] },
    system: SYSTEM,
    services: SERVICES,
  }),
  healthyRedis: exactly({ status: { const: 'healthy' }, details: REDIS_DETAILS }),
  redisWithoutInfo: exactly({
    status: { const: 'healthy' },
    details: exactly({
      ...PING,
      ...STATE,
      unavailable: { const: ['INFO'] },
      connections: CONNECTIONS,
    }),
  }),
  unhealthyRedis: exactly({
    status: { const: 'unhealthy' },
    details: exactly({
      ...STATE,
      reason: { type: 'string', pattern: '^[A-Za-z_ ]+$' },
      connections: CONNECTIONS,
    }),
  }),
  refusingRedis: exactly({
    status: { const: 'unhealthy' },
    details: exactly({
      ...PING,
      ...STATE,
      reason: { type: 'string', pattern: '^[A-Z]+$' },
      ...INFORMATION,
      connections: CONNECTIONS,
    }),
  }),
  deep: exactly({ ...DEEP, redis: REDIS_DETAILS }),
  embeddedDeep: exactly({ ...DEEP, redis: exactly({ mode: { const: 'embedded' } }) }),
} as const;

/** Fails with everything that is wrong with a body. */
export function expectToMatch(body: unknown, schema: keyof typeof SCHEMAS): void {
  const validate: ValidateFunction = ajv.compile(SCHEMAS[schema]);
  validate(body);
  expect({ body, errors: validate.errors ?? [] }).toEqual({ body, errors: [] });
}
