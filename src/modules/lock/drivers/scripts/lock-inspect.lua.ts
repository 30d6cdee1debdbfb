import { defineScript } from '../../../../common/redis/index.js';
import { HOLDER } from './lock-holder.lua.js';
import type { LockKeys } from './lock-keys.js';
import { decodeHolder, type HolderReply } from './lock-reply.js';

/**
 * Who holds a lock, and who waits for it.
 *
 * KEYS     lock, latest fence, queue, waiters
 * Returns  { token, owner, held ms, remaining ms, fence or '', { of each waiter: token, owner,
 *          waited ms } } | {}
 * Cost     O(waiters that are shown): 4 commands
 */
export const INSPECT = defineScript<LockKeys, undefined, HolderReply | undefined>({
  name: 'lock-inspect',
  mode: 'read',
  lua: `${HOLDER}
return holder()
`,
  keys: ({ lock, fence, queue, waiters }) => [lock, fence, queue, waiters],
  args: () => [],
  decode: decodeHolder,
});
