import { request } from 'node:http';

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

/** An answer as it came over the wire. */
export interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** Asks without what `fetch` does by itself: inflating, following, asking for codings. */
export function ask(url: string, headers: RequestHeaders = {}, method = 'GET'): Promise<Got> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { statusCode = 0, headers: got } = response;
        const one = Object.entries(got).map(([name, value]) => [name, value?.toString()]);
        const body = Buffer.concat(chunks);
        resolve({ status: statusCode, headers: Object.fromEntries(one) as RequestHeaders, body });
      });
    });
    sent.on('error', reject).end();
  });
}

/** Without what is of the moment, of the connection or of the platform. */
export function lasting({ status, headers, body }: Got): object {
  const { date: _d, 'x-request-id': _i, connection: _c, ratelimit: _r, ...rest } = headers;
  const { 'x-powered-by': _p, 'keep-alive': _k, ...kept } = rest;
  return { status, headers: kept, body: body.toString('latin1') };
}
