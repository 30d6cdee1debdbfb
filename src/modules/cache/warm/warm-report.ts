/**
 * `done`: the method came to its end. `failed`: it threw, or nobody could be asked whether another
 * instance runs it. `running`: it runs already, here or in another instance, and was not run again.
 */
export type WarmOutcome = 'done' | 'failed' | 'running';

/** What came of a warm-up that was to run. */
export interface WarmReport {
  readonly name: string;
  readonly outcome: WarmOutcome;
  readonly durationMs: number;
  /** What the method told of its progress last. */
  readonly progress: { readonly done: number; readonly total: number } | undefined;
  /** Of one that failed. */
  readonly error: unknown;
}

/** What operators are told. */
export interface CacheWarmBody {
  readonly warmed: readonly {
    readonly name: string;
    readonly outcome: WarmOutcome;
    readonly duration_ms: number;
    readonly done?: number;
    readonly total?: number;
    readonly error?: string;
  }[];
}

/** A report as operators get it. */
export function warmReportBody(report: WarmReport): CacheWarmBody['warmed'][number] {
  const { name, outcome, durationMs, progress, error } = report;
  return {
    name,
    outcome,
    duration_ms: durationMs,
    ...progress,
    ...(outcome === 'failed' && { error: error instanceof Error ? error.message : String(error) }),
  };
}
