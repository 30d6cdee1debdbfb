import assert from 'node:assert/strict';
import { measureHttp } from './measure-http.mjs';
import { measureOperation } from './measure-operation.mjs';
import { untilQuiet } from './quiet.mjs';

/** Tries in one round: on a busy machine one may fail its checks, or be disturbed. */
const ATTEMPTS = 3;
const WAIT_FOR_QUIET_MS = 20_000;
/** Part of all cores that others may use during a measurement. */
const MAX_DISTURBANCE = 0.1;

const MEASURE_ONCE = { http: measureHttp, operation: measureOperation };

/**
 * Measures a contender. A measurement in which it did not do all its work, or in which others used
 * the machine, is said so, and repeated; of only disturbed ones the least disturbed counts.
 *
 * @throws AssertionError when it fails its checks again and again
 */
export async function measure(contender, context) {
  const measureOnce = MEASURE_ONCE[contender.kind];
  const timing = context.timing[contender.kind];
  let best;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    await untilQuiet(WAIT_FOR_QUIET_MS);
    try {
      const found = { ...(await measureOnce(contender, { ...context, ...timing })), attempt };
      if (best === undefined || found.disturbance < best.disturbance) best = found;
      if (best.disturbance <= MAX_DISTURBANCE) return best;
      console.error(`${contender.id}: others used ${percent(found.disturbance)} of the machine`);
    } catch (error) {
      if (!(error instanceof assert.AssertionError)) throw error;
      if (attempt === ATTEMPTS && best === undefined) throw error;
      console.error(error.message);
    }
  }
  return best;
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}
