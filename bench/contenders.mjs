/**
 * Who is compared with whom, and what each has to prove before and during every measurement, so
 * that nobody is fast because it does not do the work.
 *
 * Three kinds: an HTTP contender is a Nest application that is asked over the network; an operation
 * is an async function that its process calls again and again; in contention many want the same thing
 * at once, and less is better. They share:
 *
 * - `group`: the table it stands in
 * - `redis`: the commands each request or operation must send, and how often; without it none may be
 *   sent. `inScripts`: those that its scripts must run besides
 * - `against`: the peers it is compared with
 * - `windowMs`: how long it remembers hits; it is under load for so long before each slice, because
 *   a window that emptied during the others' slices costs less than a full one
 * - `load`: resolves to the function that makes the contender from the URL of Redis
 */
import { CONTENTION_CONTENDERS, CONTENTION_GROUPS } from './contenders/contention.mjs';
import { HTTP_CONTENDERS, HTTP_GROUPS } from './contenders/http.mjs';
import { OPERATION_CONTENDERS, OPERATION_GROUPS } from './contenders/operations.mjs';

export const CONTENDERS = [
  ...HTTP_CONTENDERS.map((contender) => ({ ...contender, kind: 'http' })),
  ...OPERATION_CONTENDERS.map((contender) => ({ ...contender, kind: 'operation' })),
  ...CONTENTION_CONTENDERS.map((contender) => ({ ...contender, kind: 'contention' })),
];

/** The tables, in order. */
export const GROUPS = [
  ...HTTP_GROUPS.map((group) => ({ ...group, kind: 'http' })),
  ...OPERATION_GROUPS.map((group) => ({ ...group, kind: 'operation' })),
  ...CONTENTION_GROUPS.map((group) => ({ ...group, kind: 'contention' })),
];

/** Those of a table, with the bare route where it has one: all of them are measured together. */
export function contendersOf({ group, bare }) {
  return CONTENDERS.filter((contender) => contender.group === group || contender.id === bare);
}

export function contenderById(id) {
  const found = CONTENDERS.find((contender) => contender.id === id);
  if (found === undefined) throw new Error(`There is no contender "${id}"`);
  return found;
}
