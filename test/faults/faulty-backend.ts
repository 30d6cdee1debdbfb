import { randomUUID } from 'node:crypto';
import { createBackend } from '../../src/app/create-backend.js';
import { ReportService } from '../../src/app/examples/report.service.js';
import { loadConfig } from '../../src/common/config/index.js';
import { EventStream } from '../../src/common/events/index.js';
import { type Backing, ServiceRegistry } from '../../src/common/status/index.js';
import { Load } from '../support/load.js';
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
  /**
   * Whose report is cached before the fault and changed during it; its first version must not
   * return.
   */
  readonly #changed = randomUUID();
  #version = 1;

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
    const backend = new FaultyBackend(await listen(app));
    jest.spyOn(reports, 'build').mockImplementation(async (userId) => ({
      user_id: userId,
      generated_at: `version ${backend.#version}`,
      items: [],
    }));
    await backend.#expectVersion(1);
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
    // At a given moment a busy machine may have missed some deadlines.
    await eventually(async () => {
      const answers = await this.load.answersMore(count);
      const onRedis = answers.filter(({ backend }) => backend === 'redis');
      expect(onRedis.length).toBeGreaterThan(count / 4);
      expect(answers.some(({ cache }) => cache === 'HIT')).toBe(true);
    });
    await eventually(() => {
      expect(this.#backing()).toEqual({ rate_limiting: 'redis', cache: 'redis' });
    });
  }

  /** Waits until the fault was noticed, changes something cached, and takes some answers more. */
  async answersDegraded(count = 200): Promise<void> {
    await eventually(() => this.degraded.length > 0);
    this.#version = 2;
    await this.#invalidate();
    await this.#expectVersion(2);
    const answers = await this.load.answersMore(count);
    expect(this.load.answers.some(({ backend }) => backend === 'memory')).toBe(true);
    expect(answers.some(({ cache }) => cache !== undefined)).toBe(true);
  }

  /** What backs the services while Redis is kept away. */
  async expectMemory(): Promise<void> {
    await eventually(() => this.#backing()['cache'] === 'memory');
    expect(this.#backing()).toEqual({ rate_limiting: 'memory', cache: 'memory' });
  }

  /**
   * Waits until Redis answers again, within what is promised; and nothing old comes back with it.
   */
  async recovers(): Promise<void> {
    await eventually(() => this.recovered.length >= this.degraded.length, {
      timeoutMs: RECOVERY_MS,
    });
    await eventually(() => this.#backing()['cache'] === 'redis', { timeoutMs: RECOVERY_MS });
    await this.#expectVersion(2);
    await this.answersOnRedis();
    await this.#expectVersion(2);
  }

  /** What has to hold whatever happened to Redis. */
  expectNoHarm(): void {
    const { answers } = this.load;
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(answers.filter(({ durationMs }) => durationMs > SLOWEST_ANSWER_MS)).toEqual([]);
  }

  #backing(): Readonly<Record<string, Backing>> {
    const services = this.app.get(ServiceRegistry).list();
    const watched = services.filter(({ service }) => /^(cache|rate_limiting)$/.test(service));
    return Object.fromEntries(watched.map(({ service, backing }) => [service, backing()]));
  }

  async #invalidate(): Promise<void> {
    const response = await fetch(`${this.url}/api/invalidate-cache`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user_id: this.#changed }),
    });
    expect(response.status).toBe(200);
  }

  async #expectVersion(version: number): Promise<void> {
    const response = await fetch(`${this.url}/api/cached-data?user_id=${this.#changed}`);
    expect(await response.json()).toMatchObject({ generated_at: `version ${version}` });
  }

  async stop(): Promise<void> {
    await this.load.stop();
    await this.#server.close();
  }
}
