import { Cluster } from 'ioredis';
import { InvalidOptionError } from '../errors/index.js';
import type { RedisClient } from './client-factory.js';

/** A setting of ioredis that a borrowed client must have, and what happens with any other. */
interface Demand {
  readonly name: string;
  readonly accepted: readonly unknown[];
  readonly problem: string;
}

/** Of every client. */
const REPLIES_AND_KEYS: readonly Demand[] = [
  {
    name: 'keyPrefix',
    accepted: ['', undefined, null],
    problem: 'must not be set: SCAN patterns do not get it; use the option redis.prefix instead',
  },
  {
    name: 'stringNumbers',
    accepted: [false, undefined],
    problem: 'must be false: counts and times of the server would arrive as text',
  },
  {
    name: 'replyMapping',
    accepted: ['legacy', undefined],
    problem: 'must be "legacy": other replies have other shapes than the modules expect',
  },
];

/** Of every client that connects again by itself. */
const LOST_CONNECTION: readonly Demand[] = [
  {
    name: 'autoResendUnfulfilledCommands',
    accepted: [false],
    problem:
      'must be false: what was under way when a connection was lost would be sent, and may run, twice',
  },
  {
    name: 'maxRetriesPerRequest',
    accepted: [0],
    problem:
      'must be 0: what was under way when a connection was lost would never be answered, and count as under way for ever',
  },
];

/** Of the cluster as a whole. */
const CLUSTER: readonly Demand[] = [
  {
    name: 'retryDelayOnFailover',
    accepted: [0],
    problem: 'must be 0: a command that lost its connection would be sent, and may run, twice',
  },
  {
    name: 'retryDelayOnClusterDown',
    accepted: [0],
    problem: 'must be 0: a command would be repeated after its caller stopped waiting',
  },
  {
    name: 'scaleReads',
    accepted: ['master'],
    problem: 'must be "master": a replica that lags behind would show what was already deleted',
  },
];

/**
 * Refuses a client of the application whose settings would break what the modules promise.
 *
 * What only makes it slower, or shows as an outage, is accepted: `docs/redis.md` lists it.
 *
 * @param option path of the client in the options, such as `redis.connections.default.client`
 * @throws InvalidOptionError naming the setting and what it has to be
 */
export function checkBorrowedClient(client: RedisClient, option: string): void {
  if (!(client instanceof Cluster)) {
    demand(client.options, option, [...REPLIES_AND_KEYS, ...LOST_CONNECTION]);
    return;
  }
  const { redisOptions, clusterNodeRetryStrategy } = client.options;
  demand(client.options, option, [...REPLIES_AND_KEYS, ...CLUSTER]);
  demand(redisOptions, `${option}.redisOptions`, REPLIES_AND_KEYS);
  // Without it a node that was lost is given up, and what was under way there is answered.
  const reconnects = typeof clusterNodeRetryStrategy === 'function';
  if (reconnects) demand(redisOptions, `${option}.redisOptions`, LOST_CONNECTION);
}

function demand(options: object | undefined, path: string, demands: readonly Demand[]): void {
  for (const { name, accepted, problem } of demands) {
    const value: unknown = Reflect.get(options ?? {}, name);
    if (!accepted.includes(value)) throw new InvalidOptionError(`${path}.${name}`, problem);
  }
}
