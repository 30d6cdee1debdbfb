import { Redis } from 'ioredis';
import type { RedisClient } from './client-factory.js';

/** Commands in a write: enough to make the system calls cheap, few enough to let the server begin. */
const COMMANDS_PER_WRITE = 8;

/** How many were sent since the latest write of the turn, by connection. */
const waiting = new WeakMap<Corkable, number>();

/**
 * What is sent from now to the end of the turn of the event loop goes out in few writes, of several
 * commands each: ioredis makes one for each command, and under load the system calls are a good part
 * of what a command costs. All in one would let the server idle while we send, and us while it
 * answers. Nothing waits for longer than the turn.
 *
 * A cluster has a connection for each node; those are left alone.
 */
export function sendTogether(client: RedisClient): void {
  if (!(client instanceof Redis)) return;
  // Undefined until the first connection attempt; Unix sockets and TLS have it as well.
  const stream: Corkable | undefined = client.stream;
  if (stream === undefined) return;
  const count = waiting.get(stream) ?? 0;
  if (count === 0) {
    stream.cork();
    process.nextTick(send, stream);
  } else if (count % COMMANDS_PER_WRITE === 0) {
    stream.uncork();
    stream.cork();
  }
  waiting.set(stream, count + 1);
}

interface Corkable {
  cork(): void;
  uncork(): void;
}

function send(stream: Corkable): void {
  waiting.set(stream, 0);
  stream.uncork();
}
