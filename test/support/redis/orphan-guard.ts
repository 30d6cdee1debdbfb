import { spawn } from 'node:child_process';
import { Socket } from 'node:net';

/** Waits for a line (released) or the end of its input (this process is gone). */
const GUARD_SCRIPT = 'read -r _ || { kill -KILL "$1"; rm -rf "$2"; } 2>/dev/null';

/**
 * Sees to it that a child does not outlive this process, however this process ends.
 *
 * A `process.on('exit')` hook would not do: it does not fire on SIGKILL. Instead a tiny shell holds
 * the other end of a pipe; the kernel closes that pipe when we die, and the shell then kills the
 * child by its pid and removes its folder. It runs detached, so that Ctrl-C in the terminal does
 * not end it first.
 *
 * @returns releases the guard; to be called as soon as the child has exited, because its pid may be
 * given to another process afterwards
 */
export function guardAgainstOrphan(pid: number, folder: string): () => void {
  const guard = spawn('/bin/sh', ['-c', GUARD_SCRIPT, 'orphan-guard', String(pid), folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const { stdin } = guard;
  guard.unref();
  if (stdin instanceof Socket) stdin.unref();
  // Without a shell there is no guard, which is no reason to fail the tests.
  guard.on('error', () => undefined);
  stdin.on('error', () => undefined);
  return () => stdin.end('released\n');
}
