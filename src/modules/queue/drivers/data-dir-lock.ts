import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InvalidOptionError } from '../../../common/errors/index.js';
import { errorCode } from './error-code.js';

/** Folders this process uses; a file cannot tell two databases of one process apart. */
const HELD = new Set<string>();

/**
 * Marks a folder as used by this process: two embedded databases on one folder would destroy it. The
 * mark of a process that died is taken over.
 */
export class DataDirLock {
  readonly #dataDir: string;
  readonly #file: string;

  constructor(dataDir: string) {
    this.#dataDir = resolve(dataDir);
    this.#file = `${this.#dataDir}.pid`;
  }

  /** @throws InvalidOptionError while it is used */
  async acquire(): Promise<void> {
    if (HELD.has(this.#dataDir)) throw inUse(process.pid);
    HELD.add(this.#dataDir);
    try {
      await this.#mark();
    } catch (error) {
      HELD.delete(this.#dataDir);
      throw error;
    }
  }

  /** Does nothing unless it was acquired. */
  async release(): Promise<void> {
    if (HELD.delete(this.#dataDir)) await rm(this.#file, { force: true });
  }

  async #mark(): Promise<void> {
    await mkdir(dirname(this.#file), { recursive: true });
    const mark = `${process.pid} ${await startedAt(process.pid)}`;
    for (;;) {
      try {
        await writeFile(this.#file, mark, { flag: 'wx' });
        return;
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error;
        await this.#removeStale();
      }
    }
  }

  async #removeStale(): Promise<void> {
    const mark = await readFile(this.#file, 'utf8').catch(() => '');
    const [number, start] = mark.split(' ');
    const pid = Number(number);
    const isOther = Number.isInteger(pid) && pid > 0 && pid !== process.pid;
    if (isOther && isAlive(pid) && (await startedAt(pid)) === start) throw inUse(pid);
    await rm(this.#file, { force: true });
  }
}

function inUse(pid: number): InvalidOptionError {
  return new InvalidOptionError(
    'queue.dataDir',
    `is used by process ${pid}; give each a folder of its own, or use Redis or databaseUrl`,
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, but somebody else's.
    return errorCode(error) === 'EPERM';
  }
}

/**
 * When a process started, as Linux tells it (proc(5), field 22 of `stat`): in a container that is started
 * again the same number often belongs to another process. Elsewhere the number has to do.
 */
async function startedAt(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
