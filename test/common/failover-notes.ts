import type { FailoverJournal } from '../../src/common/redis/index.js';

/** A contract small enough for tests of what is around it. */
export interface Notes {
  readonly label: string;
  read(key: string): Promise<string | undefined>;
  write(key: string, text: string): Promise<void>;
}

/** Keeps notes in a map, and fails when it is told to. */
export class FakeNotes implements Notes {
  readonly notes = new Map<string, string>();
  readonly calls: string[] = [];
  failWith: Error | undefined;
  beforeWrite: () => Promise<void> | void = () => undefined;

  constructor(readonly label: string) {}

  async read(key: string): Promise<string | undefined> {
    this.#called(`read ${key}`);
    return this.notes.get(key);
  }

  async write(key: string, text: string): Promise<void> {
    this.#called(`write ${key} ${text}`);
    await this.beforeWrite();
    this.notes.set(key, text);
  }

  #called(call: string): void {
    this.calls.push(call);
    if (this.failWith !== undefined) throw this.failWith;
  }
}

export class WriteJournal implements FailoverJournal<Notes> {
  writes: (readonly unknown[])[] = [];
  sequence = 0;
  whileReplaying: (() => Promise<unknown>) | undefined;
  supersede: NonNullable<FailoverJournal<Notes>['supersede']> = () => undefined;

  get isEmpty(): boolean {
    return this.writes.length === 0;
  }

  record(method: keyof Notes, args: readonly unknown[]): void {
    if (method !== 'write') return;
    this.writes.push(args);
    this.sequence += 1;
  }

  covers(_method: keyof Notes, [key]: readonly unknown[]): boolean {
    return this.writes.some(([written]) => written === key);
  }

  isOutdated(method: keyof Notes, _args: readonly unknown[], sequence: number): boolean {
    return method === 'write' && sequence !== this.sequence;
  }

  async replay(primary: Notes): Promise<void> {
    const writes = [...this.writes];
    for (const [key, text] of writes) await primary.write(String(key), String(text));
    await this.whileReplaying?.();
    this.writes.splice(0, writes.length);
  }
}
