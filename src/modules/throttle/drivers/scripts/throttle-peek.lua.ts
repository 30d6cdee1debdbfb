import { defineScript } from '../../../../common/redis/index.js';
import {
  decodeOutcome,
  type PolicyKeys,
  policyArguments,
  type ScriptOutcome,
} from './throttle-reply.js';
import { READ_WINDOWS } from './throttle-windows.lua.js';

/**
 * What `throttle-consume` would say. Counts nothing; hits that have left their window are dropped.
 *
 * KEYS, ARGV and reply as in `throttle-consume`
 */
export const PEEK = defineScript<PolicyKeys, PolicyKeys, ScriptOutcome>({
  name: 'throttle-peek',
  mode: 'read',
  lua: `${READ_WINDOWS}
local reply = { 'allowed' }
for i = 1, #KEYS do
  local policy = read(i)
  if policy.retry > 0 then reply[1] = 'denied' end
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
