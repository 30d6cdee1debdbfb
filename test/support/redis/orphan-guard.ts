import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';

/**
 * Reads who is guarded (`+ pid folder`) and who is not any more (`- pid`), until the end of its
 * input (this process is gone); then ends who is left.
 */
const GUARD_SCRIPT = `
IFS='
'
held=
while IFS=' ' read -r sign pid folder; do
  kept=
  for each in $held; do [ "\${each%% *}" = "$pid" ] || kept="$kept$each
"; done
  held=$kept
  [ "$sign" = + ] && held="$held$pid $folder
"
done
for each in $held; do kill -KILL "\${each%% *}"; rm -rf "\${each#* }"; done 2>/dev/null`;

/** A registered symbol outlives a spec file; our modules do not. */
const GUARD = Symbol.for('nest-backplane.orphan-guard');

/**
 * Sees to it that a child does not outlive this process, however this process ends.
 *
 * A `process.on('exit')` hook would not do: it does not fire on SIGKILL. Instead a tiny shell, one
 * for all children, holds the other end of a pipe; the kernel closes that pipe when we die, and the
 * shell then kills the children by their pids and removes their folders. It runs detached, so that
 * Ctrl-C in the terminal does not end it first.
 *
 * @returns releases the guard; to be called as soon as the child has exited, because its pid may be
 * given to another process afterwards
 */
export function guardAgainstOrphan(pid: number, folder: string): () => void {
  const guard: Writable = Reflect.get(globalThis, GUARD) ?? startGuard();
  Reflect.set(globalThis, GUARD, guard);
  guard.write(`+ ${pid} ${folder}\n`);
  return () => guard.write(`- ${pid}\n`);
}

function startGuard(): Writable {
  const guard = spawn('/bin/sh', ['-c', GUARD_SCRIPT, 'orphan-guard'], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const { stdin } = guard;
  guard.unref();
  if (stdin instanceof Socket) stdin.unref();
  // Without a shell there is no guard, which is no reason to fail the tests.
  guard.on('error', () => undefined);
  stdin.on('error', () => undefined);
  return stdin;
}
