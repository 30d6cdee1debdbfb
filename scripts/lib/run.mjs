import { spawn } from 'node:child_process';

/**
 * Runs a command to its end and returns what it printed; its output is shown only when it fails.
 *
 * @throws Error with the output, when it exits with another code than 0 or outlives `timeoutMs`
 */
export async function run(command, args, { cwd, timeoutMs, env = process.env }) {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => (output += text));
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const { code, signal } = await ended(child);
  clearTimeout(timer);
  if (code === 0) return output;
  const reason = signal === null ? `exit code ${code}` : `${signal}, limit ${timeoutMs / 1000} s`;
  throw new Error(`${command} ${args.join(' ')}: ${reason}\n${output}`);
}

/** Waits for a child's end; a command that cannot be started ends with its error. */
export function ended(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}
