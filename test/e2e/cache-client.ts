export type RequestHeaders = Readonly<Record<string, string>>;

/** What a client sees of an answer. */
export interface Answer {
  readonly status: number;
  /** The header `X-Cache`. */
  readonly cache: string | null;
  readonly type: string | null;
  readonly body: string;
}

/** Asks a server for its cached routes. */
export class CacheClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async ask(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(`${this.#url}${path}`, init);
    return {
      status: response.status,
      cache: response.headers.get('x-cache'),
      type: response.headers.get('content-type'),
      body: await response.text(),
    };
  }

  get(path: string, headers: RequestHeaders = {}): Promise<Answer> {
    return this.ask(path, { headers });
  }

  /** One request after the other: `X-Cache` and the `run` in the body of each. */
  async inTurn(...requests: readonly (readonly [path: string, headers?: RequestHeaders])[]) {
    const answers: (readonly [cache: string | null, run: unknown])[] = [];
    for (const [path, headers] of requests) {
      const { cache, body } = await this.get(path, headers);
      answers.push([cache, (JSON.parse(body) as { run: unknown }).run]);
    }
    return answers;
  }
}
