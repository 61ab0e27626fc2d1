import { parseDuration } from '../../../core/duration.ts';

/** Longest pause that is believed. */
const LIMIT_MS = 3_600_000;

type Headers = Pick<globalThis.Headers, 'get'>;

/**
 * Milliseconds after which a server asked to be called again, 0 to an hour, or undefined when it did not say.
 *
 * Reads `retry-after-ms`, `retry-after` (seconds or a date), and the `x-ratelimit-*` and `ratelimit-reset` headers. A date
 * is compared with the answer's own `date`, so that clocks which disagree do no harm.
 */
export function readRetryAfter(headers: Headers): number | undefined {
  return (
    bounded(numberOf(headers.get('retry-after-ms'))) ??
    readRetryAfterValue(headers.get('retry-after'), headers.get('date')) ??
    readRateLimit(headers)
  );
}

function readRetryAfterValue(value: string | null, date: string | null): number | undefined {
  if (value === null) return undefined;
  const seconds = numberOf(value);
  if (seconds !== undefined) return bounded(seconds * 1_000);
  const now = date === null ? Number.NaN : Date.parse(date);
  // Without a date in the answer, the host's: the header is one, and no better clock is at hand.
  return bounded(Date.parse(value) - (Number.isNaN(now) ? Date.now() : now));
}

/** OpenAI's pairs say how much is left and after how long all of it is back: `x-ratelimit-reset-tokens: 6m0s`. */
function readRateLimit(headers: Headers): number | undefined {
  const pauses: number[] = [];
  for (const what of ['requests', 'tokens']) {
    const pause = sumOfDurations(headers.get(`x-ratelimit-reset-${what}`));
    if (pause !== undefined && numberOf(headers.get(`x-ratelimit-remaining-${what}`)) === 0) pauses.push(pause);
  }
  if (pauses.length > 0) return bounded(Math.max(...pauses));
  const reset = numberOf(headers.get('ratelimit-reset') ?? headers.get('x-ratelimit-reset'));
  // Some servers give seconds from now, others a moment in Unix time.
  if (reset === undefined || reset > 1e9) return undefined;
  return bounded(reset * 1_000);
}

/** `1m30.5s`, `20ms`, `6m0s`, as Go writes durations; a bare number counts seconds. */
function sumOfDurations(value: string | null): number | undefined {
  if (value === null || value.length > 40) return undefined;
  const parts = value.match(/[\d.]+[a-z]*/g);
  if (parts === null || parts.join('') !== value.trim()) return undefined;
  const durations = parts.map(parseDuration);
  return durations.reduce((sum, part) => (sum === undefined || part === undefined ? undefined : sum + part), 0);
}

function numberOf(value: string | null): number | undefined {
  if (value === null || !/^\s*\d+(\.\d+)?\s*$/.test(value)) return undefined;
  return Number(value);
}

function bounded(ms: number | undefined): number | undefined {
  if (ms === undefined || Number.isNaN(ms)) return undefined;
  return Math.round(Math.min(Math.max(ms, 0), LIMIT_MS));
}
