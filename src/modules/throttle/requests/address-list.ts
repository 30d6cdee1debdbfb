import { BlockList, isIP } from 'node:net';

/** IP addresses and networks in CIDR notation (RFC 4632). */
export class AddressList {
  readonly #list = new BlockList();
  readonly isEmpty: boolean;

  /** @param entries valid by `isAddressRange` */
  constructor(entries: readonly string[]) {
    this.isEmpty = entries.length === 0;
    for (const entry of entries) this.#add(entry);
  }

  has(address: string | undefined): boolean {
    if (this.isEmpty || address === undefined) return false;
    const bare = withoutZone(withoutPort(address));
    const family = familyOf(bare);
    return family !== undefined && this.#list.check(bare, family);
  }

  #add(entry: string): void {
    const [address = '', prefix] = entry.split('/');
    const family = familyOf(address);
    if (prefix === undefined) this.#list.addAddress(address, family);
    else this.#list.addSubnet(address, Number(prefix), family);
  }
}

/** Is the text an address or a network, such as `10.0.0.0/8` or `2001:db8::/32`? */
export function isAddressRange(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  if (prefix === undefined) return true;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128);
}

const WITH_PORT = /^(?:\[([^\]]+)\](?::\d+)?|([\d.]+):\d+)$/;

/**
 * The address of `192.0.2.1:4711` or `[2001:db8::1]:4711`, as some proxies forward them: with the
 * port a client would be somebody else with every connection. Any other text as it is.
 */
export function withoutPort(text: string): string {
  // Most have none, and every request comes by here.
  if (isIP(text) !== 0) return text;
  const [, ipv6, ipv4] = WITH_PORT.exec(text) ?? [];
  const address = ipv6 ?? ipv4 ?? '';
  return isIP(address) === 0 ? text : address;
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address);
  if (version === 0) return undefined;
  return version === 4 ? 'ipv4' : 'ipv6';
}

/** `fe80::1%eth0`: the interface is not a part of the address. */
function withoutZone(address: string): string {
  return address.split('%')[0] ?? '';
}
