import { defineScript } from '../../../../common/redis/index.js';
import { decodeHolder, HOLDER, type HolderReply } from './lock-reply.js';

/**
 * Who holds a lock.
 *
 * KEYS[1]  lock
 * Returns  { token, owner, held ms, remaining ms, fence or '' } | {}
 * Cost     O(1): 2 commands
 */
export const INSPECT = defineScript<string, undefined, HolderReply | undefined>({
  name: 'lock-inspect',
  mode: 'read',
  lua: `${HOLDER}
return holder()
`,
  keys: (lock) => [lock],
  args: () => [],
  decode: decodeHolder,
});
