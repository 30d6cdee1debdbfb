import { connect, type Socket } from 'node:net';

/** One server-sent message: its fields, and comments under `comment`. */
export type SseMessage = Readonly<Record<string, string>>;

/** Reads a stream message by message over a socket of its own, and can stop reading. */
export class SseClient {
  readonly messages: SseMessage[] = [];
  head = '';
  isEnded = false;
  readonly #socket: Socket;
  #text = '';

  constructor(url: string, headers: Readonly<Record<string, string>>) {
    const { hostname, port, pathname, host } = new URL(url);
    this.#socket = connect({ host: hostname, port: Number(port) });
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk.toString()));
    this.#socket.on('close', () => (this.isEnded = true));
    this.#socket.on('error', () => undefined);
    const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}`);
    this.#socket.write(`GET ${pathname} HTTP/1.0\r\n${lines.join('\r\n')}\r\n\r\n`);
  }

  comments(): readonly string[] {
    return this.messages.flatMap(({ comment }) => comment ?? []);
  }

  data(): readonly { readonly payload?: unknown; readonly dropped?: number }[] {
    return this.messages.flatMap(({ data }) => (data === undefined ? [] : [JSON.parse(data)]));
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** HTTP/1.0: the body is not chunked and ends with the connection. */
  #read(chunk: string): void {
    this.#text += chunk;
    if (this.head === '') {
      const end = this.#text.indexOf('\r\n\r\n');
      if (end === -1) return;
      this.head = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 4);
    }
    const messages = this.#text.split('\n\n');
    this.#text = messages.pop() ?? '';
    for (const message of messages) this.messages.push(fieldsOf(message));
  }
}

function fieldsOf(message: string): SseMessage {
  const lines = message.split('\n').filter((line) => line !== '');
  return Object.fromEntries(
    lines.map((line) => {
      const [, name = '', value = ''] = /^(\w*): ?(.*)$/.exec(line) ?? [];
      return [name === '' ? 'comment' : name, value];
    }),
  );
}
