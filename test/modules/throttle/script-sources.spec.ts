import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const SOURCE_FOLDER = path.resolve('src');

/** Where the prelude of all scripts is. */
const PRELUDE_FILE = path.join(SOURCE_FOLDER, 'common/redis/define-script.ts');

/** Commands that came after Redis 6.2, the oldest server we serve, and those we never send. */
const FORBIDDEN_COMMANDS: Readonly<Record<string, string>> = {
  ...named('since 7.0', 'EVAL_RO EVALSHA_RO FCALL FCALL_RO FUNCTION SPUBLISH SSUBSCRIBE'),
  ...named('since 7.0', 'SUNSUBSCRIBE EXPIRETIME PEXPIRETIME LMPOP BLMPOP ZMPOP BZMPOP'),
  ...named('since 7.0', 'SINTERCARD SORT_RO LCS'),
  ...named('since 7.4', 'HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT HTTL HPTTL HPERSIST'),
  ...named('since 7.4', 'HEXPIRETIME HPEXPIRETIME'),
  ...named('since 8.0', 'HGETEX HSETEX HGETDEL'),
  ...named('looks at every key', 'KEYS SCAN RANDOMKEY DBSIZE'),
  ...named("destroys other people's keys", 'FLUSHDB FLUSHALL SWAPDB'),
};

/** Options of older commands that came after Redis 6.2. */
const FORBIDDEN_OPTIONS: readonly {
  readonly commands: RegExp;
  readonly options: RegExp;
  readonly why: string;
}[] = [
  {
    commands: /^P?EXPIRE(AT)?$/,
    options: /'(NX|XX|GT|LT)'/,
    why: 'conditional EXPIRE, since 7.0',
  },
  { commands: /^SET$/, options: /'NX'.*'GET'|'GET'.*'NX'/, why: 'SET NX GET, since 7.0' },
  { commands: /^SET$/, options: /'IF(EQ|NE|DEQ|DNE)'/, why: 'SET IFEQ, since 8.4' },
  { commands: /^BITCOUNT$|^BITPOS$/, options: /'(BYTE|BIT)'/, why: 'BIT ranges, since 7.0' },
];

/** Features of the Lua environment that came after Redis 6.2. */
const FORBIDDEN_FEATURES = /#!lua|redis\.(register_function|acl_check_cmd|REDIS_VERSION)/;

/** It runs the commands of its caller, on the caller's own client. */
const KNOWN_PROBLEMS: Readonly<Record<string, readonly string[]>> = {
  'modules/lock/drivers/scripts/fenced-write.lua.ts': ['a command that is not a literal'],
};

const FILES = readdirSync(SOURCE_FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.lua.ts') || file.endsWith('.script.ts'))
  .map((file) => path.join(SOURCE_FOLDER, file))
  .concat(PRELUDE_FILE);

describe('the Lua sources', () => {
  it('are found', () => {
    expect(FILES.map((file) => path.basename(file))).toEqual(
      expect.arrayContaining(['throttle-consume.lua.ts', 'define-script.ts']),
    );
  });

  it.each(FILES.map((file) => path.relative(SOURCE_FOLDER, file)))(
    'use nothing newer than Redis 6.2 and nothing that sees foreign keys: %s',
    (file) => {
      const known = KNOWN_PROBLEMS[file] ?? [];
      expect(problemsOf(readFileSync(path.join(SOURCE_FOLDER, file), 'utf8'))).toEqual(known);
    },
  );
});

describe('the scan of the Lua sources', () => {
  it.each([
    [`redis.call('KEYS', '*')`, 'KEYS: looks at every key'],
    [`redis.pcall("flushall")`, "FLUSHALL: destroys other people's keys"],
    [`redis.call( 'HEXPIRE', KEYS[1], 1)`, 'HEXPIRE: since 7.4'],
    [`redis.call('PEXPIRE', key, window, 'NX')`, 'PEXPIRE: conditional EXPIRE, since 7.0'],
    [`redis.call('SET', k, v, 'GET', 'NX')`, 'SET: SET NX GET, since 7.0'],
    [`redis.call('SET', k, v,\n  'PX', 1, 'NX', 'GET')`, 'SET: SET NX GET, since 7.0'],
    [`redis.call(command, key)`, 'a command that is not a literal'],
    ['#!lua name=lib', 'a feature of a later Lua environment'],
  ])('reports %s', (lua, problem) => {
    expect(problemsOf(lua)).toEqual([problem]);
  });

  it.each([
    `redis.call('SET', k, v, 'NX', 'PX', 1)`,
    `redis.call('SET', k, v, 'GET')`,
    `redis.call('PEXPIRE', k, 1) redis.call('SET', k, 'x', 'NX')`,
    `redis.call('GET', KEYS[1])`,
  ])('accepts %s', (lua) => {
    expect(problemsOf(lua)).toEqual([]);
  });
});

function problemsOf(source: string): readonly string[] {
  const calls = [...source.matchAll(/redis\.p?call\(\s*(?:(['"])(\w+)\1)?/g)];
  const problems = calls.flatMap((call) => {
    const command = call[2]?.toUpperCase();
    if (command === undefined) return ['a command that is not a literal'];
    const rest = argumentsAfter(source, call.index + call[0].length);
    const why = [FORBIDDEN_COMMANDS[command], forbiddenOption(command, rest)];
    return why.filter((reason) => reason !== undefined).map((reason) => `${command}: ${reason}`);
  });
  const isLater = FORBIDDEN_FEATURES.test(source);
  return isLater ? [...problems, 'a feature of a later Lua environment'] : problems;
}

/** The text up to the bracket that closes the call. */
function argumentsAfter(source: string, start: number): string {
  let depth = 1;
  let end = start;
  for (; depth > 0 && end < source.length; end += 1) {
    if (source[end] === '(') depth += 1;
    if (source[end] === ')') depth -= 1;
  }
  return source.slice(start, end).replaceAll('"', "'").replaceAll('\n', ' ');
}

function forbiddenOption(command: string, args: string): string | undefined {
  return FORBIDDEN_OPTIONS.find(
    ({ commands, options }) => commands.test(command) && options.test(args),
  )?.why;
}

function named(why: string, commands: string): Record<string, string> {
  return Object.fromEntries(commands.split(' ').map((command) => [command, why]));
}
