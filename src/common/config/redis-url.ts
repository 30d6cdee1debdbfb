import { ConfigError } from './config.error.js';
import type { Settings } from './environment.schema.js';

/** What may be said in a URL or beside it. `read` answers `''` where the URL leaves it open. */
const PARTS = [
  {
    name: 'REDIS_PORT',
    read: (url: URL) => url.port,
    write: (url: URL, text: string) => (url.port = text),
  },
  {
    name: 'REDIS_DB',
    read: (url: URL) => url.pathname.slice(1).replace(/^0+(?=\d)/, ''),
    write: (url: URL, text: string) => (url.pathname = `/${text}`),
  },
  {
    name: 'REDIS_USERNAME',
    read: (url: URL) => decodeURIComponent(url.username),
    // The setters keep a `%` as it is, so that it has to be encoded before.
    write: (url: URL, text: string) => (url.username = encodeURIComponent(text)),
  },
  {
    name: 'REDIS_PASSWORD',
    read: (url: URL) => decodeURIComponent(url.password),
    write: (url: URL, text: string) => (url.password = encodeURIComponent(text)),
  },
] as const;

/**
 * The URL with what `REDIS_PORT`, `REDIS_DB`, `REDIS_USERNAME` and `REDIS_PASSWORD` add to it.
 *
 * Beside `REDIS_HOST` they describe that host, which the URL supersedes as a whole: a password
 * meant for one server is never sent to another.
 *
 * @throws ConfigError when one of them differs from what the URL says
 */
export function completeUrl(settings: Settings, source: 'REDIS_PRIVATE_URL' | 'REDIS_URL'): string {
  const url = new URL(settings[source] ?? '');
  if (settings.REDIS_HOST !== undefined) return url.href;
  for (const { name, read, write } of PARTS) {
    const wanted = settings[name];
    if (wanted === undefined) continue;
    const present = read(url);
    if (present === '') {
      write(url, String(wanted));
    } else if (present !== String(wanted)) {
      throw new ConfigError(
        name,
        `contradicts ${source}, which says otherwise; keep one of the two`,
      );
    }
  }
  if (settings.REDIS_USERNAME !== undefined && url.password === '') {
    throw new ConfigError('REDIS_USERNAME', 'needs REDIS_PASSWORD beside it', 'REDIS_PASSWORD');
  }
  return url.href;
}
