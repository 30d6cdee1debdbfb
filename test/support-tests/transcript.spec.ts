import { fillIn, matchExpected } from '../support/transcript/match-expected.js';
import { parseCurl, parseTranscript } from '../support/transcript/parse-transcript.js';

const PAGE = `# Page

\`\`\`console
$ curl -s http://localhost:3000/a
{"a":1}

$ curl -X POST \\
    -H 'X-One: 1:2' -d '{"b": 2}' http://localhost:3000/b
HTTP/1.1 201 Created
\`\`\`

\`\`\`sh
$ curl not-this
\`\`\`
`;

describe('parseTranscript', () => {
  it('finds every command of the console blocks with what it prints', () => {
    expect(parseTranscript(PAGE)).toEqual([
      { line: 4, command: 'curl -s http://localhost:3000/a', expected: '{"a":1}' },
      {
        line: 7,
        command: `curl -X POST -H 'X-One: 1:2' -d '{"b": 2}' http://localhost:3000/b`,
        expected: 'HTTP/1.1 201 Created',
      },
    ]);
  });
});

describe('parseCurl', () => {
  it('reads method, headers, body and address', () => {
    const command = `curl -i -H 'X-One: 1:2' -H "Two: b" -d '{"b": 2}' --max-time 2 http://h/p?q=1`;
    expect(parseCurl(command)).toEqual({
      url: 'http://h/p?q=1',
      method: 'POST',
      headers: { 'x-one': '1:2', two: 'b' },
      body: '{"b": 2}',
      showsHead: true,
      seconds: 2,
    });
    expect(parseCurl('curl -X DELETE http://h/p').method).toBe('DELETE');
  });

  it('refuses what it does not understand', () => {
    expect(() => parseCurl('curl --compressed http://h')).toThrow('--compressed');
    expect(() => parseCurl('wget http://h')).toThrow('not a curl');
  });
});

describe('matchExpected', () => {
  const matches = (expected: string, actual: string): boolean =>
    matchExpected(expected, actual, new Map());

  it.each([
    ['{"a": 1,\n  "b": [1, 2]}', '{"a":1,"b":[1,2]}'],
    ['{"id":"<id>"}', '{"id":"abc-1"}'],
    ['{"n":<n>}', '{"n":42}'],
    ['{"a":1,…}', '{"a":1,"b":{"c":2}}'],
    ['', ''],
    ['{"a":"x.y*(z)"}', '{"a":"x.y*(z)"}'],
    ['{"a":"<x>","b":"<x>"}', '{"a":"1","b":"1"}'],
  ])('%j reads as %j', (expected, actual) => expect(matches(expected, actual)).toBe(true));

  it.each([
    ['{"a":1}', '{"a":2}'],
    ['{"a":1}', '{"a":1,"b":2}'],
    ['', '{}'],
    ['{"a":"x.y"}', '{"a":"xzy"}'],
    ['{"id":"<id>"}', '{"id":"a","other":"b"}'],
    ['{"a":"<x>","b":"<x>"}', '{"a":"1","b":"2"}'],
  ])('%j does not read as %j', (expected, actual) => expect(matches(expected, actual)).toBe(false));

  it('remembers what a name stands for', () => {
    const bindings = new Map<string, string>();
    expect(matchExpected('{"id":"<id>"}', '{"id":"abc"}', bindings)).toBe(true);
    expect(fillIn('curl http://h/<id>', bindings)).toBe('curl http://h/abc');
    expect(matchExpected('{"id":"<id>"}', '{"id":"other"}', bindings)).toBe(false);
    expect(() => fillIn('curl http://h/<unknown>', bindings)).toThrow('<unknown>');
  });
});
