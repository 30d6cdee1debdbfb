import type { Redis } from 'ioredis';
import { eventually } from '../../support/eventually.js';
import { uniquePrefix } from '../../support/redis/shared-redis.js';

/** What a server executed, by name in capitals. */
export interface Traffic {
  readonly fromClient: readonly string[];
  readonly inScript: readonly string[];
}

/** The commands a server executes during `work`, as it reports them itself (MONITOR). */
export async function trafficOf(server: Redis, work: () => Promise<unknown>): Promise<Traffic> {
  const monitor = await server.monitor();
  const seen: { readonly name: string; readonly first: string; readonly isScript: boolean }[] = [];
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    const [name = '', first = ''] = args;
    seen.push({ name: name.toUpperCase(), first, isScript: source === 'lua' });
  });
  const end = uniquePrefix();
  try {
    await work();
    await server.echo(end);
    await eventually(() => seen.some(({ first }) => first === end));
  } finally {
    monitor.disconnect();
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
