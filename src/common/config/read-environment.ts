import type { z } from 'zod';
import { ConfigError } from './config.error.js';
import { ENVIRONMENT, type EnvironmentName } from './environment.js';
import { environmentSchema, type Settings } from './environment.schema.js';

type Texts = Readonly<Partial<Record<EnvironmentName, string>>>;

/** Would break the one-line message, or the header, key or URL that the value goes into. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;
const MAX_SHOWN_LENGTH = 40;

/**
 * The typed value of every variable in `ENVIRONMENT`; an empty or blank one counts as not set.
 *
 * @throws ConfigError for the first value that is wrong by itself
 */
export function readEnvironment(env: NodeJS.ProcessEnv): Settings {
  const texts = collectTexts(env);
  const result = environmentSchema.safeParse(texts);
  if (result.success) return result.data;
  throw toConfigError(result.error, texts);
}

function collectTexts(env: NodeJS.ProcessEnv): Texts {
  const texts: Partial<Record<EnvironmentName, string>> = {};
  for (const { name } of ENVIRONMENT) {
    const text = cleanText(name, env[name] ?? '');
    if (text !== '') texts[name] = text;
  }
  return texts;
}

function cleanText(name: EnvironmentName, raw: string): string {
  // A password may begin with a space or be in quotes; nothing else sensibly does.
  const verbatim = name === 'REDIS_PASSWORD';
  const text = verbatim ? raw : raw.trim();
  if (UNPRINTABLE.test(text)) {
    throw new ConfigError(name, 'holds a line break or another control character');
  }
  // `docker run --env-file` keeps the quotes that a shell and most .env readers remove.
  if (!verbatim && /^(["']).*\1$/.test(text)) {
    throw new ConfigError(name, 'is in quotes, which belong to the value here; remove them');
  }
  return text;
}

function toConfigError(error: z.ZodError, texts: Texts): Error {
  const [issue] = error.issues;
  const variable = ENVIRONMENT.find(({ name }) => name === issue?.path[0]);
  // The schema has fields of ENVIRONMENT only, so every issue has a variable.
  if (issue === undefined || variable === undefined) return error;
  const shown = variable.secret ? '' : quote(texts[variable.name] ?? '', texts);
  return new ConfigError(variable.name, issue.message + shown);
}

/** The refused value, unless it looks as if a secret had been put into the wrong variable. */
function quote(text: string, texts: Texts): string {
  const secrets = ENVIRONMENT.flatMap(({ name, secret }) => (secret ? (texts[name] ?? []) : []));
  const related = secrets.some((secret) => secret.includes(text) || text.includes(secret));
  if (related || text.includes('@') || text.includes('://')) return '';
  const end = text.length > MAX_SHOWN_LENGTH ? '...' : '';
  return `, not "${text.slice(0, MAX_SHOWN_LENGTH).replace(/[^\x20-\x7e]/g, '?')}${end}"`;
}
