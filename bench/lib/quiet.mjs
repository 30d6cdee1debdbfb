import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

const SAMPLE_MS = 500;
/** Part of all cores that may be busy before a measurement begins. */
const QUIET = 0.1;

/** Time all cores have been busy so far, in µs. */
export function busyMicros() {
  const busy = cpus().map(({ times: { user, nice, sys, irq } }) => user + nice + sys + irq);
  return busy.reduce((sum, milliseconds) => sum + milliseconds, 0) * 1_000;
}

/** Part of all cores that `micros` of work in `seconds` is. */
export function shareOfMachine(micros, seconds) {
  return micros / (seconds * 1e6 * cpus().length);
}

/** Waits until nobody else works on this machine, but no longer than `limitMs`. */
export async function untilQuiet(limitMs) {
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline) {
    const before = busyMicros();
    await delay(SAMPLE_MS);
    if (shareOfMachine(busyMicros() - before, SAMPLE_MS / 1_000) < QUIET) return;
  }
}
