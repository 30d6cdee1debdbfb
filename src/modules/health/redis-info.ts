/** What `INFO` says about one server, as far as a health page needs it. */
export interface RedisNodeInfo {
  readonly version: string | undefined;
  readonly role: string | undefined;
  readonly usedBytes: number | undefined;
  /** 0 = no limit. */
  readonly maxBytes: number | undefined;
  readonly fragmentationRatio: number | undefined;
  readonly evictionPolicy: string | undefined;
  readonly connectedClients: number | undefined;
}

/**
 * Reads the reply of INFO (https://redis.io/commands/info); fields a server hides are `undefined`.
 */
export function parseInfo(text: string): RedisNodeInfo {
  const fields = new Map(
    text
      .split(/\r?\n/)
      .filter((line) => line.includes(':') && !line.startsWith('#'))
      .map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon), line.slice(colon + 1)];
      }),
  );
  const number = (name: string): number | undefined => {
    const value = fields.get(name);
    return value === undefined || value === '' ? undefined : Number(value);
  };
  return {
    version: fields.get('redis_version'),
    role: fields.get('role'),
    usedBytes: number('used_memory'),
    maxBytes: number('maxmemory'),
    fragmentationRatio: number('mem_fragmentation_ratio'),
    evictionPolicy: fields.get('maxmemory_policy'),
    connectedClients: number('connected_clients'),
  };
}
