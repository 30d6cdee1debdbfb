import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ended } from './run.mjs';

const BOOT_TIMEOUT_MS = 30_000;
const ASK_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;

/**
 * Starts an application that prints `listening on <url>`, calls `ask` with the url, and stops it
 * with SIGTERM. It gets nothing of our environment but what it takes to run.
 *
 * @throws Error when it does not listen, what is asked does not settle, or it does not stop, in time
 */
export async function whileServing({ cwd, script, env = {} }, ask) {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [script], {
    cwd,
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const end = ended(child);
  try {
    const url = await within(BOOT_TIMEOUT_MS, 'listen', listeningUrl(child));
    child.stdout.resume();
    await within(ASK_TIMEOUT_MS, 'answer', ask(url));
    await stop(child, end);
  } finally {
    kill();
    process.off('exit', kill);
    await end;
  }
}

async function listeningUrl(child) {
  for await (const line of createInterface({ input: child.stdout })) {
    const [, url] = /listening on (\S+)/.exec(line) ?? [];
    if (url !== undefined) return url;
  }
  throw new Error('the application ended before it listened');
}

async function stop(child, end) {
  child.kill('SIGTERM');
  const { code, signal } = await within(STOP_TIMEOUT_MS, 'stop on SIGTERM', end);
  if (code !== 0 && signal !== 'SIGTERM') {
    throw new Error(`the application ended with ${signal ?? `exit code ${code}`}, not as told`);
  }
}

async function within(timeoutMs, what, work) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    const seconds = timeoutMs / 1_000;
    const message = `the application did not ${what} within ${seconds} s`;
    timer = setTimeout(() => reject(new Error(message)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
