import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';

export interface Report {
  readonly user_id: string;
  readonly generated_at: string;
  readonly items: readonly { readonly name: string; readonly value: number }[];
}

/** Time a report takes to build: long enough to feel, short enough for a demonstration. */
const BUILD_TIME_MS = 200;

/** Stands for any slow source: a database, another service. */
@Injectable()
export class ReportService {
  async build(userId: string): Promise<Report> {
    await delay(BUILD_TIME_MS);
    const items = ['visits', 'orders', 'refunds'].map((name, index) => ({
      name,
      value: (userId.length + 1) * (index + 7),
    }));
    return { user_id: userId, generated_at: new Date().toISOString(), items };
  }
}
