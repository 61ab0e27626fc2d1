const BACKOFF_BASE_MS = 1_000;
export const BACKOFF_CAP_MS = 300_000;

export interface BackoffLimits {
  /** Pause after the first failure, before jitter. @default 1000 */
  readonly baseMs?: number;
  /** Longest pause, before jitter. @default 300000 */
  readonly capMs?: number;
}

/**
 * Milliseconds to wait after `retryCount` failures in a row (1 is the first): `baseMs * 2^(retryCount - 1)`, at most `capMs`, times a
 * random 0.5 to 1 that spreads callers who failed together.
 */
export function backoffMs(retryCount: number, random: () => number = Math.random, limits: BackoffLimits = {}): number {
  const { baseMs = BACKOFF_BASE_MS, capMs = BACKOFF_CAP_MS } = limits;
  // 2^30 is past any cap; without the bound a large count overflows to Infinity * 0.
  const doublings = Math.min(Math.max(retryCount - 1, 0), 30);
  return Math.round(Math.min(capMs, baseMs * 2 ** doublings) * (0.5 + random() / 2));
}
