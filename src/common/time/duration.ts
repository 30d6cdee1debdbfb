import { inspect } from 'node:util';
import { InvalidOptionError } from '../errors/index.js';

/**
 * A length of time: whole milliseconds, or a number with a unit such as `'250ms'`, `'30s'`,
 * `'24h'`.
 */
export type Duration = number | `${number}${DurationUnit}`;

type DurationUnit = 'ms' | 's' | 'm' | 'h' | 'd';

const UNIT_MS: Readonly<Record<DurationUnit, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const DURATION_TEXT = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** Longest duration accepted: ten years, far below the range where milliseconds lose precision. */
const MAX_DURATION_MS = 10 * 365 * UNIT_MS.d;

/**
 * Converts a duration to whole milliseconds.
 *
 * @param option name used in the error, so that the reader knows which setting to change
 * @throws InvalidOptionError when the value is not a duration, below 1 ms, or above ten years
 */
export function parseDuration(value: unknown, option: string): number {
  const milliseconds = toMilliseconds(value);
  if (milliseconds === undefined) {
    throw new InvalidOptionError(
      option,
      `${inspect(value, { depth: 0 })} is not a duration; use milliseconds or text such as "30s", "5m"`,
    );
  }
  if (milliseconds < 1 || milliseconds > MAX_DURATION_MS || !Number.isInteger(milliseconds)) {
    throw new InvalidOptionError(
      option,
      `${inspect(value)} must come to whole milliseconds between 1 ms and 3650 days`,
    );
  }
  return milliseconds;
}

/** Writes milliseconds the way people say them: `1500` → `1.5s`, `300000` → `5m`. */
export function formatDuration(milliseconds: number): string {
  const units: readonly DurationUnit[] = ['d', 'h', 'm', 's'];
  const unit = units.find((candidate) => milliseconds % UNIT_MS[candidate] === 0);
  if (unit !== undefined) return `${milliseconds / UNIT_MS[unit]}${unit}`;
  return milliseconds >= 1_000 ? `${milliseconds / 1_000}s` : `${milliseconds}ms`;
}

/** Whole seconds, never too few: what HTTP headers such as `Retry-After` hold. */
export function toSeconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1_000);
}

function toMilliseconds(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const match = DURATION_TEXT.exec(value.trim());
  if (!match?.[1] || !isUnit(match[2])) return undefined;
  return withoutRounding(Number(match[1]) * UNIT_MS[match[2]]);
}

/** `1.001 * 1000` is not 1001 in binary: what is off by rounding alone becomes the whole number. */
function withoutRounding(milliseconds: number): number {
  const whole = Math.round(milliseconds);
  const rounding = milliseconds * 4 * Number.EPSILON;
  return Math.abs(milliseconds - whole) <= rounding ? whole : milliseconds;
}

function isUnit(text: string | undefined): text is DurationUnit {
  return text !== undefined && text in UNIT_MS;
}
