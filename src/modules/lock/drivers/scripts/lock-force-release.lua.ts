import { defineScript } from '../../../../common/redis/index.js';
import { decodeHolder, HOLDER, type HolderReply } from './lock-reply.js';

/**
 * Takes a lock away from whoever holds it.
 *
 * KEYS[1]  lock
 * Returns  { token, owner, held ms, remaining ms, fence or '' } of the holder | {}
 * Cost     O(1): 3 commands
 */
export const FORCE_RELEASE = defineScript<string, undefined, HolderReply | undefined>({
  name: 'lock-force-release',
  mode: 'write',
  lua: `${HOLDER}
local found = holder()
redis.call('DEL', KEYS[1])
return found
`,
  keys: (lock) => [lock],
  args: () => [],
  decode: decodeHolder,
});
