import type { EnvironmentVariable } from './environment-variable.js';
import { REDIS_ENVIRONMENT } from './redis-environment.js';

const SERVER_ENVIRONMENT = [
  {
    name: 'NODE_ENV',
    description: '`production` turns the production checks on',
    example: 'production',
    defaultText: 'development',
    secret: false,
  },
  {
    name: 'PORT',
    description: 'Port the server listens on; 0 = any free one',
    example: '3000',
    defaultText: '3000',
    secret: false,
  },
  {
    name: 'HOST',
    description: 'Address the server listens on',
    example: '127.0.0.1',
    defaultText: '`0.0.0.0`',
    secret: false,
  },
  {
    name: 'TRUST_PROXY',
    description:
      'Whose `X-Forwarded-*` headers count: `false`, a number of hops, or a list of addresses, ' +
      'CIDR ranges, `loopback`, `linklocal`, `uniquelocal`',
    example: 'loopback,10.0.0.0/8',
    defaultText: '`false`',
    secret: false,
  },
  {
    name: 'LOG_LEVEL',
    description: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`',
    example: 'info',
    defaultText: '`info`',
    secret: false,
  },
] as const satisfies readonly EnvironmentVariable[];

const MODULE_ENVIRONMENT = [
  {
    name: 'REDIS_CACHE_TTL',
    description: 'Seconds a cached value lives unless the code says otherwise',
    example: '300',
    defaultText: '300',
    secret: false,
  },
  {
    name: 'CACHE_MAX_ENTRIES',
    description: 'Most entries the in-memory cache holds',
    example: '1000',
    defaultText: '1000',
    secret: false,
  },
  {
    name: 'CACHE_FALLBACK',
    description: 'What the cache does while Redis is down: `memory` or `bypass`',
    example: 'memory',
    defaultText: '`memory`',
    secret: false,
  },
  {
    name: 'USE_REDIS_SESSIONS',
    description: 'Keep sessions in Redis (`true`) or in the database or memory (`false`)',
    example: 'true',
    defaultText: '`true` with Redis, else `false`',
    secret: false,
  },
  {
    name: 'DATABASE_URL',
    description: 'PostgreSQL',
    example: 'postgres://app:change-me@localhost:5432/app',
    defaultText: 'embedded database',
    secret: true,
  },
  {
    name: 'SMTP_URL',
    description: 'Mail server, `smtps://` for TLS',
    example: 'smtp://localhost:1025',
    defaultText: 'mail is not sent',
    secret: true,
  },
  {
    name: 'LOGIN_METHOD',
    description: 'How people sign in: `otp` or `magic-link`',
    example: 'otp',
    defaultText: '`otp`',
    secret: false,
  },
  {
    name: 'ADMIN_TOKEN',
    description: 'Bearer token of the admin API; at least 8 characters, 16 in production',
    example: '$(openssl rand -hex 32)',
    defaultText: 'a random one, printed at boot',
    secret: true,
  },
] as const satisfies readonly EnvironmentVariable[];

const ALL = [...SERVER_ENVIRONMENT, ...REDIS_ENVIRONMENT, ...MODULE_ENVIRONMENT] as const;

/** Name of a variable this application reads. */
export type EnvironmentName = (typeof ALL)[number]['name'];

/** Every environment variable that is read, in the order of the README; nothing else is. */
export const ENVIRONMENT: readonly EnvironmentVariable<EnvironmentName>[] = ALL;

/** The entry of one variable. */
export function environmentVariable(name: EnvironmentName): EnvironmentVariable<EnvironmentName> {
  const found = ENVIRONMENT.find((variable) => variable.name === name);
  if (found === undefined) throw new TypeError(`${name} is missing in ENVIRONMENT`);
  return found;
}

/** `ENVIRONMENT` as a Markdown table, for the README; ends without a line break. */
export function renderEnvironmentTable(): string {
  const rows = ENVIRONMENT.map(({ name, description, example, defaultText, secret }) =>
    row([`\`${name}\``, description + (secret ? ' (secret)' : ''), defaultText, `\`${example}\``]),
  );
  return [row(['Name', 'Meaning', 'Default', 'Example']), row(Array(4).fill('---')), ...rows].join(
    '\n',
  );
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
