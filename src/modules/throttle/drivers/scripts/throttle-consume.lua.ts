import { defineScript } from '../../../../common/redis/index.js';
import {
  decodeOutcome,
  type PolicyKeys,
  policyArguments,
  type ScriptOutcome,
} from './throttle-reply.js';
import { READ_WINDOWS } from './throttle-windows.lua.js';

/**
 * Checks all policies, then counts the hit under all of them or under none; once where policies share
 * a counter.
 *
 * KEYS[i]  counter of policy i; all in one slot
 * ARGV     for each policy: strategy (`fixed` | `sliding`), limit, window in ms
 * Returns  { 'allowed' | 'denied', for each policy: remaining, reset ms, retry ms }
 * Cost     O(policies), and O(1) amortised for each hit that leaves a sliding window
 */
export const CONSUME = defineScript<PolicyKeys, PolicyKeys, ScriptOutcome>({
  name: 'throttle-consume',
  mode: 'write',
  lua: `${READ_WINDOWS}
local counted = {}
local function count(policy)
  policy.used = policy.used + 1
  policy.reset = policy.start + policy.window - now
  if counted[policy.key] then return end
  counted[policy.key] = true
  if policy.strategy == 'fixed' then
    local rest = policy.start + policy.window - now
    redis.call('SET', policy.key, string.format('%.0f:%.0f', policy.start, policy.used), 'PX', rest)
  else
    redis.call('RPUSH', policy.key, string.format('%.0f', now))
    redis.call('PEXPIRE', policy.key, policy.window)
  end
end

local policies, verdict = {}, 'allowed'
for i = 1, #KEYS do
  policies[i] = read(i)
  if policies[i].retry > 0 then verdict = 'denied' end
end
local reply = { verdict }
for _, policy in ipairs(policies) do
  if verdict == 'allowed' then count(policy) end
  reply[#reply + 1] = math.max(0, policy.limit - policy.used)
  reply[#reply + 1] = policy.reset
  reply[#reply + 1] = policy.retry
end
return reply
`,
  keys: (policies) => policies.map(({ key }) => key),
  args: policyArguments,
  decode: decodeOutcome,
});
