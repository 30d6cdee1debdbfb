import type { HttpRequest } from '../../../common/http/index.js';
import { AddressList } from './address-list.js';

/** What is known of a client before anything is counted. */
export type Admission = 'limited' | 'exempt' | 'denied';

/** The addresses that limits do not hold for, and those that get nothing at all. */
export class RequestAccess {
  readonly #allowed: AddressList;
  readonly #denied: AddressList;

  constructor(lists: { readonly allow: readonly string[]; readonly deny: readonly string[] }) {
    this.#allowed = new AddressList(lists.allow);
    this.#denied = new AddressList(lists.deny);
  }

  of({ ip }: HttpRequest): Admission {
    if (this.#denied.has(ip)) return 'denied';
    return this.#allowed.has(ip) ? 'exempt' : 'limited';
  }
}
