import { defineScript } from '../../../../common/redis/index.js';
import { checkArguments, keysOf, type ScriptCheck } from './script-checks.js';
import { THROTTLE_COUNTERS } from './throttle-counters.lua.js';

interface Block {
  readonly checks: readonly ScriptCheck[];
  readonly durationMs: number;
}

/**
 * Blocks for so long, in place of a block that stands. The next by itself is one of the first level.
 *
 * KEYS     of the checks, which know blocks; all in one slot
 * ARGV     duration in ms, the checks
 * Returns  1
 */
export const BLOCK = defineScript<readonly ScriptCheck[], Block, number>({
  name: 'throttle-block',
  mode: 'write',
  lua: `${THROTTLE_COUNTERS}
local length = take_number()
while keys_taken < #KEYS do store_block(take_check(), length, 0) end
return 1
`,
  keys: keysOf,
  args: ({ checks, durationMs }) => [durationMs, ...checks.flatMap(checkArguments)],
  decode: Number,
});
