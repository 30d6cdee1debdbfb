import { Redis } from 'ioredis';
import type { RedisClient } from './client-factory.js';

/**
 * From now to the end of the turn of the event loop, what is sent goes out in one write: ioredis
 * makes one for each command, and under load the system calls are a good part of what a command
 * costs. Nothing waits for longer than the turn. A cluster has a connection for each node; those
 * are left alone.
 */
export function sendInOneWrite(client: RedisClient): void {
  if (!(client instanceof Redis)) return;
  // Undefined until the first connection attempt; Unix sockets and TLS have it as well.
  const stream: Corkable | undefined = client.stream;
  if (stream === undefined || stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(uncork, stream);
}

interface Corkable {
  readonly writableCorked: number;
  cork(): void;
  uncork(): void;
}

function uncork(stream: Corkable): void {
  stream.uncork();
}
