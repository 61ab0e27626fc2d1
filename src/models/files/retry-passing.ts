import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { LamplighterError } from '../../core/errors.ts';
import { PassingProblem } from './hub/hub-problem.ts';

/** Failures in a row, without progress between them, after which it gives up. */
const MAX_FAILURES = 5;
const BACKOFF = { baseMs: 500, capMs: 15_000 };

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told why it tries again. */
  readonly onRetry?: ((reason: string) => void) | undefined;
  /** A number that is larger than ever when something was gained; a failure after a gain is the first of a new row. */
  readonly progress?: () => Promise<number>;
}

/**
 * What `work` gives, which is tried again, after growing pauses or when the server says, as long as its failures may pass.
 *
 * @throws LamplighterError DOWNLOAD_FAILED with the last failure, after six in a row.
 * @throws The signal's reason when it aborts.
 */
export async function retryPassing<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, signal, onRetry, progress = async () => 0 } = options;
  let most = await progress();
  for (let failures = 0; ; ) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof PassingProblem)) throw error;
      const now = await progress();
      failures = now > most ? 1 : failures + 1;
      most = Math.max(most, now);
      if (failures > MAX_FAILURES) throw givenUp(error);
      const pauseMs = error.retryAfterMs ?? backoffMs(failures, undefined, BACKOFF);
      onRetry?.(`${error.message}; next try in ${Math.max(1, Math.round(pauseMs / 1_000))} s`);
      await clock.delay(pauseMs, signal);
      signal.throwIfAborted();
    }
  }
}

function givenUp(error: PassingProblem): LamplighterError {
  const kept = 'What was fetched is kept, and the same command goes on with it.';
  const hint = error.hint === undefined ? kept : `${error.hint} ${kept}`;
  return new LamplighterError('DOWNLOAD_FAILED', error.message, { cause: error, hint });
}
