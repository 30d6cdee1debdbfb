import { Agent, request } from 'node:http';

/** One answer as a client saw it. `status` is 0 when there was none. */
export interface Answer {
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
  /** What the limiter says it counted on. */
  readonly backend: string | undefined;
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
    return new Promise((resolve) => {
      const finish = (status: number, backend?: string): void => {
        resolve({ path, status, durationMs: performance.now() - startedAt, backend });
      };
      const headers = { 'x-forwarded-for': `10.0.${(client >> 8) & 255}.${client & 255}` };
      const asked = request(`${this.#url}${path}`, { agent: this.#agent, headers }, (response) => {
        const backend = response.headers['x-ratelimit-backend'];
        response.resume().once('end', () => finish(response.statusCode ?? 0, String(backend)));
      });
      asked.once('error', () => finish(0)).end();
    });
  }
}
