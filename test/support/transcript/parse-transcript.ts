/** One `$ curl …` of a page with what it printed. */
export interface Exchange {
  readonly line: number;
  readonly command: string;
  readonly expected: string;
}

const BLOCK = /^```console\n([\s\S]*?)^```/gm;

/**
 * The exchanges of every `console` block of a page: a line that begins with `$ ` is a command, goes
 * on after a backslash at its end, and is followed by what it prints.
 */
export function parseTranscript(page: string): readonly Exchange[] {
  return [...page.matchAll(BLOCK)].flatMap((block) => {
    const firstLine = page.slice(0, block.index).split('\n').length + 1;
    return exchangesOf(block[1] ?? '', firstLine);
  });
}

function exchangesOf(text: string, firstLine: number): readonly Exchange[] {
  const starts = [...text.matchAll(/^\$ /gm)].map(({ index }) => index);
  return starts.map((start, position) => {
    const part = text.slice(start + 2, starts[position + 1] ?? text.length);
    const [, command = '', expected = ''] = /^((?:.*\\\n)*.*)\n?([\s\S]*)$/.exec(part) ?? [];
    return {
      line: firstLine + text.slice(0, start).split('\n').length - 1,
      command: command.replaceAll(/\\\n\s*/g, ''),
      expected: expected.trim(),
    };
  });
}

/** What of curl's command line the pages use. */
export interface CurlRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** `-i`: status line and headers are printed too. */
  readonly showsHead: boolean;
  /** `--max-time`: ends a stream. */
  readonly seconds: number | undefined;
}

const WORD = /'([^']*)'|"([^"]*)"|(\S+)/g;

/** @throws Error for an option that is not understood */
export function parseCurl(command: string): CurlRequest {
  const words = [...command.matchAll(WORD)].map(([, one, two, bare]) => one ?? two ?? bare ?? '');
  if (words.shift() !== 'curl') throw new Error(`not a curl command: ${command}`);
  const request = {
    url: '',
    method: undefined as string | undefined,
    headers: {} as Record<string, string>,
    body: undefined as string | undefined,
    showsHead: false,
    seconds: undefined as number | undefined,
  };
  const options: Readonly<Record<string, () => void>> = {
    '-s': () => undefined,
    '-N': () => undefined,
    '-i': () => (request.showsHead = true),
    '-X': () => (request.method = words.shift()),
    '-H': () => Object.assign(request.headers, headerOf(words.shift() ?? '')),
    '-d': () => (request.body = words.shift()),
    '--max-time': () => (request.seconds = Number(words.shift())),
  };
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const apply = options[word];
    if (apply !== undefined) apply();
    else if (word.startsWith('-')) throw new Error(`curl ${word} is not understood`);
    else request.url = word;
  }
  const method = request.method ?? (request.body === undefined ? 'GET' : 'POST');
  return { ...request, method };
}

function headerOf(text: string): Record<string, string> {
  const [name = '', ...value] = text.split(':');
  return { [name.trim().toLowerCase()]: value.join(':').trim() };
}
