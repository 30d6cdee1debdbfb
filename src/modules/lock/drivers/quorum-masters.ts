import { InvalidOptionError } from '../../../common/errors/index.js';
import { masters, type RedisClient, type RedisConnection } from '../../../common/redis/index.js';

/** Longest wait for what one master says of itself. */
const ASKED_FOR_MS = 1_000;

/** What the masters of a quorum are to be. */
const PROBLEMS = {
  replica: 'has a replica, which no lock can be written to: name its master',
  cluster: 'has a node of a Redis Cluster, which keeps some of the keys only: name a single server',
  twice: 'has the same server twice, under two names: it would have two votes',
} as const;

/**
 * Refuses servers that are no independent masters, by what those say of themselves that can be asked
 * now. Of one that is away, or that does not let its user ask (`INFO`), nothing is known.
 *
 * @throws InvalidOptionError
 */
export async function checkMasters(connections: readonly RedisConnection[]): Promise<void> {
  const answers = await Promise.all(connections.map(infoOf));
  const seen = new Set<string>();
  for (const info of answers) {
    const id = fieldOf(info, 'run_id');
    if (fieldOf(info, 'role') === 'slave') refuse('replica');
    if (fieldOf(info, 'cluster_enabled') === '1') refuse('cluster');
    if (id !== undefined && seen.has(id)) refuse('twice');
    if (id !== undefined) seen.add(id);
  }
}

/** Outside of the gate, on a connection that is closed again: a replica fails the probe of its gate. */
async function infoOf(connection: RedisConnection): Promise<string> {
  const ask = async (client: RedisClient): Promise<string> => {
    const [node] = masters(client);
    await node?.connect();
    return (await node?.info()) ?? '';
  };
  try {
    return await connection.inspect(ask, ASKED_FOR_MS);
  } catch {
    // It is away, or refuses the question: then its address is all there is to go by.
    return '';
  } finally {
    connection.client('probe').disconnect();
  }
}

function fieldOf(info: string, field: string): string | undefined {
  return new RegExp(`^${field}:(\\S+)`, 'm').exec(info)?.[1];
}

function refuse(problem: keyof typeof PROBLEMS): never {
  throw new InvalidOptionError('lock.quorum.nodes', PROBLEMS[problem]);
}
