import type { HttpRequest } from '../../../common/http/index.js';

/** A session as it stood: another object, or another text, is a change. */
export interface SessionState {
  readonly session: object | undefined;
  /** `undefined` where it has no JSON: nobody can tell whether it changed. */
  readonly text: string | undefined;
}

/** The session that middleware or a plugin has put on the request. */
export function sessionOf({ session }: HttpRequest): object | undefined {
  return typeof session === 'object' && session !== null ? session : undefined;
}

/** The session of the request at this moment. */
export function sessionStateOf(request: HttpRequest): SessionState {
  const session = sessionOf(request);
  return { session, text: session === undefined ? '' : textOf(session) };
}

/** Is it another one, or has it changed? Whoever wrote to it may be told so by a cookie, later. */
export function hasChanged(before: SessionState, request: HttpRequest): boolean {
  const now = sessionStateOf(request);
  if (now.session !== before.session) return true;
  return now.text === undefined || now.text !== before.text;
}

/** Without its cookie, whose times change by themselves. */
function textOf(session: object): string | undefined {
  try {
    return JSON.stringify(session, function (this: unknown, name: string, value: unknown) {
      return this === session && name === 'cookie' ? undefined : value;
    });
  } catch {
    return undefined;
  }
}
