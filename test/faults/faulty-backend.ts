import { createBackend } from '../../src/app/create-backend.js';
import { ReportService } from '../../src/app/examples/report.service.js';
import { loadConfig } from '../../src/common/config/index.js';
import { EventStream } from '../../src/common/events/index.js';
import { type Answer, Load } from '../support/load.js';
import { listen, type Platform, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';

/** The whole Redis time of a request, and what the issue allows on top of it. */
const SLOWEST_ANSWER_MS = 250 + 100;
/** From the end of a fault to Redis answering again. */
const RECOVERY_MS = 2_000;

const PATHS = ['/api/cached-data?user_id=1', '/api/rate-limited', '/api/cached-data?user_id=2'];
const WORKERS = 8;
const MAX_REQUESTS = 100_000;

/** The real backend under load, with a record of when its Redis went and came. */
export class FaultyBackend {
  readonly degraded: string[] = [];
  readonly recovered: number[] = [];
  readonly load: Load;
  readonly #server: TestApp;

  private constructor(server: TestApp) {
    this.#server = server;
    this.load = new Load(server.url, PATHS);
    const events = server.app.get(EventStream);
    events.on('redis.degraded', ({ reason }) => this.degraded.push(reason));
    events.on('redis.recovered', ({ downMs }) => this.recovered.push(downMs));
  }

  static async start(
    environment: Record<string, string>,
    platform: Platform = 'fastify',
  ): Promise<FaultyBackend> {
    const config = loadConfig({ TRUST_PROXY: 'loopback', ...environment });
    const { app } = await createBackend({ config, platform });
    // The report's own 200 ms are no business of Redis: answers are to show only what Redis costs.
    const reports = app.get(ReportService);
    jest.spyOn(reports, 'build').mockImplementation(async (userId) => ({
      user_id: userId,
      generated_at: 'now',
      items: [],
    }));
    const backend = new FaultyBackend(await listen(app));
    backend.load.start(WORKERS, MAX_REQUESTS);
    await eventually(() => backend.load.answers.some(({ backend: by }) => by === 'redis'));
    return backend;
  }

  get app(): TestApp['app'] {
    return this.#server.app;
  }

  get url(): string {
    return this.#server.url;
  }

  /** Answers while Redis is well; fails the test when Redis is not what gives them. */
  async answersOnRedis(count = 200): Promise<void> {
    const answers = await this.load.answersMore(count);
    expect(answers.filter(({ backend }) => backend === 'redis').length).toBeGreaterThan(count / 4);
  }

  /** Waits until the fault was noticed, and then some answers longer. */
  async answersDegraded(count = 200): Promise<void> {
    await eventually(() => this.degraded.length > 0);
    const answers = await this.load.answersMore(count);
    expect(answers.some(({ backend }) => backend === 'memory')).toBe(true);
  }

  /** Waits until Redis answers again, within what is promised. */
  async recovers(): Promise<void> {
    await eventually(() => this.recovered.length >= this.degraded.length, {
      timeoutMs: RECOVERY_MS,
    });
    await this.answersOnRedis();
  }

  /** What has to hold whatever happened to Redis. */
  expectNoHarm(): void {
    const { answers } = this.load;
    const isWrong = ({ status }: Answer): boolean => status === 0 || status >= 500;
    expect(answers.filter(isWrong)).toEqual([]);
    expect(answers.filter(({ durationMs }) => durationMs > SLOWEST_ANSWER_MS)).toEqual([]);
  }

  async stop(): Promise<void> {
    await this.load.stop();
    await this.#server.close();
  }
}
