import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/** What worker processes have in common; run without jest. */
type Calls = Readonly<Record<string, (of: never) => Promise<unknown>>>;

/** Says something to the process that started this one. */
export function tell(news: object): Promise<void> {
  return new Promise((resolve) => void process.send?.(news, undefined, {}, () => resolve()));
}

/** An application with these modules, and no output. */
export async function openApplication(imports: readonly object[]) {
  class Worker {}
  Module({ imports: [...imports] as never })(Worker);
  return NestFactory.createApplicationContext(Worker, { logger: false });
}

/** Does what it is told to until the process that started this one is gone. */
export async function obey(calls: object): Promise<void> {
  const known = calls as Calls;
  process.on('disconnect', () => process.exit());
  process.on('message', ({ id, call, of }: { id: number; call: string; of: never }) => {
    const work = known[call]?.(of) ?? Promise.reject(new TypeError(`no call ${call}`));
    work.then(
      (answer: unknown) => tell({ news: 'done', id, answer }),
      (error: unknown) => tell({ news: 'failed', id, reason: String(error) }),
    );
  });
  await tell({ news: 'ready' });
}
