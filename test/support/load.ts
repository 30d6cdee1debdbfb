import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { Stalls } from './stalls.js';

/** One answer as a client saw it. `status` is 0 when there was none. */
export interface Answer {
  readonly path: string;
  readonly status: number;
  /** Without the time in which this process did not get to run. */
  readonly durationMs: number;
  /** What the limiter says it counted on. */
  readonly backend: string | undefined;
  /** The header `X-Cache`. */
  readonly cache: string | undefined;
}

/**
 * Keeps a backend under load until told to stop: every worker sends one request after the other,
 * each as another client. Bounded by `maxRequests`.
 */
export class Load {
  readonly answers: Answer[] = [];
  readonly #agent = new Agent({ keepAlive: true });
  readonly #url: string;
  readonly #paths: readonly string[];
  readonly #stalls = new Stalls();
  #sent = 0;
  #isStopped = false;
  #workers: readonly Promise<void>[] = [];

  constructor(url: string, paths: readonly string[]) {
    this.#url = url;
    this.#paths = paths;
  }

  start(workers: number, maxRequests: number): this {
    this.#workers = Array.from({ length: workers }, () => this.#work(maxRequests));
    return this;
  }

  /** Resolves when `count` more answers have come in. */
  async answersMore(count: number): Promise<readonly Answer[]> {
    const from = this.answers.length;
    while (this.answers.length < from + count && !this.#isStopped) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this.answers.slice(from);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#workers);
    this.#agent.destroy();
    this.#stalls.stop();
  }

  async #work(maxRequests: number): Promise<void> {
    while (!this.#isStopped && this.#sent < maxRequests) {
      this.#sent += 1;
      const path = this.#paths[this.#sent % this.#paths.length] ?? '/';
      this.answers.push(await this.#ask(path, this.#sent));
    }
  }

  #ask(path: string, client: number): Promise<Answer> {
    const startedAt = performance.now();
    const stalledBefore = this.#stalls.totalMs;
    return new Promise((resolve) => {
      const finish = (status: number, headers: IncomingHttpHeaders = {}): void => {
        const stalledMs = this.#stalls.totalMs - stalledBefore;
        const durationMs = performance.now() - startedAt - stalledMs;
        const [backend, cache] = [headers['x-ratelimit-backend'], headers['x-cache']].map(text);
        resolve({ path, status, durationMs, backend, cache });
      };
      const headers = { 'x-forwarded-for': `10.0.${(client >> 8) & 255}.${client & 255}` };
      const asked = request(`${this.#url}${path}`, { agent: this.#agent, headers }, (response) => {
        response.resume().once('end', () => finish(response.statusCode ?? 0, response.headers));
      });
      asked.once('error', () => finish(0)).end();
    });
  }
}

function text(header: string | readonly string[] | undefined): string | undefined {
  return header === undefined ? undefined : String(header);
}
