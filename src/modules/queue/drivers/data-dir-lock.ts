import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InvalidOptionError } from '../../../common/errors/index.js';
import { errorCode } from './error-code.js';

/**
 * Marks a folder as used by this process: two embedded databases on one folder would destroy it.
 *
 * @throws InvalidOptionError while another living process uses it
 */
export class DataDirLock {
  readonly #file: string;

  constructor(readonly dataDir: string) {
    this.#file = `${dataDir}.pid`;
  }

  async acquire(): Promise<void> {
    await mkdir(dirname(this.#file), { recursive: true });
    for (;;) {
      try {
        await writeFile(this.#file, String(process.pid), { flag: 'wx' });
        return;
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error;
        await this.#removeStale();
      }
    }
  }

  async release(): Promise<void> {
    await rm(this.#file, { force: true });
  }

  async #removeStale(): Promise<void> {
    const pid = Number(await readFile(this.#file, 'utf8').catch(() => ''));
    if (Number.isInteger(pid) && pid > 0 && pid !== process.pid && isAlive(pid)) {
      throw new InvalidOptionError(
        'queue.dataDir',
        `is used by process ${pid}; give each process a folder of its own, or use Redis or databaseUrl`,
      );
    }
    await rm(this.#file, { force: true });
  }
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
