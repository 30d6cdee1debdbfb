import { defineScript } from '../../../../common/redis/index.js';
import type { PackedChecks } from './script-checks.js';
import { throttleCounters } from './throttle-counters.lua.js';

interface Block {
  readonly plan: string;
  readonly durationMs: number;
}

/**
 * Blocks for so long, in place of a block that stands. The next by itself is one of the first level.
 *
 * KEYS     of the checks, which know blocks; all in one slot
 * ARGV     the plan, of one hit; duration in ms
 * Returns  1
 */
export const BLOCK = defineScript<PackedChecks, Block, number>({
  name: 'throttle-block',
  mode: 'write',
  lua: `${throttleCounters()}
local length = tonumber(arg(2))
for _, c in ipairs(checks_of(plan.hits[1])) do store_block(c, length, 0) end
return 1
`,
  keys: ({ keys }) => keys,
  args: ({ plan, durationMs }) => [plan, durationMs],
  decode: Number,
});
