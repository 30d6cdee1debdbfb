import type { HttpAdapterHost } from '@nestjs/core';

type HttpAdapter = HttpAdapterHost['httpAdapter'];

/** Addresses for documentation (RFC 5737, RFC 3849): no proxy has them. */
const STRANGERS = ['192.0.2.1', '2001:db8::1'];
/** More hops than any request takes; a number of hops trusts whoever is within it. */
const FAR_AWAY = 1_000;

/**
 * Does the server believe the `X-Forwarded-For` of everybody? Then any client can name any address
 * as its own. `false` as well where that cannot be told.
 */
export function trustsEverybody(adapter: HttpAdapter): boolean {
  return adapter.getType() === 'fastify'
    ? isBoundless(optionsOf(adapter.getInstance<object>()).trustProxy)
    : isBoundless(settingOf(adapter.getInstance<object>()));
}

/** What Express made of `trust proxy`: a function of address and hop. */
function settingOf(server: object): unknown {
  const read: unknown = Reflect.get(server, 'get');
  return typeof read === 'function' ? Reflect.apply(read, server, ['trust proxy fn']) : undefined;
}

/** Fastify shows the option nowhere else than under a symbol that it does not export. */
function optionsOf(server: object): { readonly trustProxy?: unknown } {
  const key = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'fastify.options',
  );
  const options: unknown = key === undefined ? undefined : Reflect.get(server, key);
  return typeof options === 'object' && options !== null ? options : {};
}

/** Both refuse ranges such as `0.0.0.0/0` themselves. */
function isBoundless(trust: unknown): boolean {
  if (typeof trust !== 'function') return trust === true;
  return STRANGERS.some((address) => Reflect.apply(trust, undefined, [address, FAR_AWAY]));
}
