import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { Redis } from 'ioredis';
import { eventually } from '../../support/eventually.js';
import { uniquePrefix } from '../../support/redis/shared-redis.js';

/** What a server executed, by name in capitals. */
export interface Traffic {
  readonly fromClient: readonly string[];
  readonly inScript: readonly string[];
}

interface Seen {
  readonly name: string;
  readonly first: string;
  readonly isScript: boolean;
}

/** `+<time> [<database> <source>] "<command>" "<first argument>" …` */
const LINE = /^\+[\d.]+ \[\d+ ([^\]]+)\] "([^"]*)"(?: "([^"]*)")?/;

/**
 * The commands a server executes during `work`, as it reports them itself (MONITOR). On a socket of its
 * own: ioredis fails where the first reports come in one piece with the answer to MONITOR, as they do
 * on a server that is busy.
 */
export async function trafficOf(server: Redis, work: () => Promise<unknown>): Promise<Traffic> {
  const { port = 0, host } = server.options;
  const monitor = connect(port, host);
  const seen: Seen[] = [];
  const lines = createInterface(monitor);
  lines.on('line', (line) => {
    const [, source = '', name = '', first = ''] = LINE.exec(line) ?? [];
    if (name !== '') seen.push({ name: name.toUpperCase(), first, isScript: source === 'lua' });
  });
  const answered = once(lines, 'line');
  monitor.write('MONITOR\r\n');
  expect(await answered).toEqual(['+OK']);
  const end = uniquePrefix();
  try {
    await work();
    await server.echo(end);
    await eventually(() => seen.some(({ first }) => first === end));
  } finally {
    monitor.destroy();
  }
  const commands = seen.filter(({ first }) => first !== end);
  return {
    fromClient: commands.filter(({ isScript }) => !isScript).map(({ name }) => name),
    inScript: commands.filter(({ isScript }) => isScript).map(({ name }) => name),
  };
}

/** Lets what is under way get on by one turn of the event loop. */
export function passTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
