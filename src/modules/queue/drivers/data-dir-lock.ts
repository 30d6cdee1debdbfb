import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { InvalidOptionError } from '../../../common/errors/index.js';
import { errorCode } from './error-code.js';

const PREFIX = 'lock.';

/** Folders this process uses; a file cannot tell two databases of one process apart. */
const HELD = new Set<string>();

/**
 * Marks a folder as used by this process: two embedded databases on one folder would destroy it.
 *
 * A mark is a numbered file in the folder, so that whoever shares the folder sees it. It is made by
 * its owner alone and removed by others only when the owner is known to be dead: that is, on this
 * host and with no such process. It counts once its owner has looked again and found no other mark
 * of anyone who may live. So of several starters one or none gets the folder, never two: whoever
 * looks last sees the others. Two starters that see the same marks want the same number, which only
 * one can create.
 */
export class DataDirLock {
  readonly #dataDir: string;
  #file: string | undefined;
  #isEntered = false;

  constructor(dataDir: string) {
    this.#dataDir = resolve(dataDir);
  }

  /** @throws InvalidOptionError while it is used, or may be: it says by whom and what to do */
  async acquire(): Promise<void> {
    if (HELD.has(this.#dataDir)) throw inUse(`process ${process.pid}`);
    HELD.add(this.#dataDir);
    this.#isEntered = true;
    try {
      await this.#mark();
    } catch (error) {
      await this.release();
      throw error;
    }
  }

  /** Does nothing unless it was acquired. */
  async release(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) await rm(file, { force: true });
    if (this.#isEntered) HELD.delete(this.#dataDir);
    this.#isEntered = false;
  }

  async #mark(): Promise<void> {
    await mkdir(this.#dataDir, { recursive: true });
    const mark = [process.pid, await startedAt(process.pid), hostname()].join(' ');
    for (;;) {
      const last = Math.max(0, ...(await this.#deadMarks()));
      const file = this.#fileOf(last + 1);
      try {
        await writeFile(file, mark, { flag: 'wx' });
      } catch (error) {
        if (errorCode(error) === 'EEXIST') continue;
        throw error;
      }
      this.#file = file;
      for (const dead of await this.#deadMarks()) await rm(this.#fileOf(dead), { force: true });
      return;
    }
  }

  /**
   * Numbers of the marks of dead owners.
   * @throws InvalidOptionError when there is any other but ours
   */
  async #deadMarks(): Promise<readonly number[]> {
    const names = await readdir(this.#dataDir);
    const numbers = names
      .filter((name) => name.startsWith(PREFIX))
      .map((name) => Number(name.slice(PREFIX.length)))
      .filter((number) => Number.isSafeInteger(number) && this.#fileOf(number) !== this.#file);
    const dead: number[] = [];
    for (const number of numbers) {
      if (await assertDead(this.#fileOf(number))) dead.push(number);
    }
    return dead;
  }

  #fileOf(number: number): string {
    return join(this.#dataDir, `${PREFIX}${number}`);
  }
}

/** `false`: the mark was removed meanwhile. @throws InvalidOptionError when its owner may live */
async function assertDead(file: string): Promise<boolean> {
  const mark = await readFile(file, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (mark === undefined) return false;
  const [, number, start, host] = /^(\d+) (\d*) (.+)$/.exec(mark) ?? [];
  // Being written just now, or left by a power failure.
  if (host === undefined) throw mayBeInUse('somebody', file);
  const pid = Number(number);
  if (host !== hostname()) throw mayBeInUse(`process ${pid} of host "${host}"`, file);
  if (await isOwnedBy(pid, start ?? '')) throw inUse(`process ${pid}`);
  return true;
}

/**
 * May the owner that a mark on this host names live? A process of that number that started at
 * another time is not it. Where that cannot be told, our own number says nothing either: what this
 * process holds it knows from `HELD`, so the mark is that of an earlier one.
 */
async function isOwnedBy(pid: number, start: string): Promise<boolean> {
  if (pid === process.pid && start === '') return false;
  return isAlive(pid) && (await startedAt(pid)) === start;
}

function inUse(owner: string): InvalidOptionError {
  return new InvalidOptionError(
    'queue.dataDir',
    `is used by ${owner}; give each a folder of its own, or use Redis or databaseUrl`,
  );
}

/** Whether an owner elsewhere lives cannot be seen from here. */
function mayBeInUse(owner: string, file: string): InvalidOptionError {
  return new InvalidOptionError(
    'queue.dataDir',
    `is marked as used by ${owner}; give each a folder of its own, or use Redis or databaseUrl. ` +
      `If that process has ended, delete the file ${file}`,
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
 * When a process started, as Linux tells it (proc(5), field 22 of `stat`): in a container that is
 * started again the same number often belongs to another process. Elsewhere the number has to do.
 */
async function startedAt(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
