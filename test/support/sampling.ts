/** Runs of a property at full size, from `TEST_RUNS`. */
const RUNS = Number(process.env['TEST_RUNS'] ?? 1_000);

/** From `TEST_SEED`, to repeat a failure; else another one each time. */
export const SEED = Number(process.env['TEST_SEED'] ?? Date.now() % 1_000_000_000);

/** How long a property may take, with room for a busy machine: more runs take longer. */
export const PATIENCE_MS = 30_000 + 20 * RUNS;

/**
 * How often, and from which seed, fast-check tries. A failure names both.
 *
 * @param share the part of `TEST_RUNS` that a slow subject gets
 */
export function sampling(share = 1): { readonly numRuns: number; readonly seed: number } {
  return { numRuns: Math.max(1, Math.ceil(RUNS * share)), seed: SEED };
}
