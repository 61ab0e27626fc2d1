import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';
import type { Service } from './service.ts';

const WINDOW_MS = 60_000;
/** Lines in that time; more are only counted. */
const MOST_LINES = 10;
/** Longest error in a line. */
const ERROR_LIMIT = 300;

export interface FailureLinesDeps {
  /** What failed, in the plural: the name of the count. */
  readonly noun: string;
  /** The beginning of each line, such as `a task failed`. */
  readonly one: string;
  /** The line about those without one of their own. */
  readonly more: (count: number) => string;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * Lines about work that failed on its own account, which is news to its owner and no trouble of the program's: one for each at `warn`, ten a
 * minute at most, and after a minute with more a line that counts them.
 */
export interface FailureLines extends Service {
  tell(fields: object, error: string): void;
}

export function createFailureLines({ noun, one, more, log, clock }: FailureLinesDeps): FailureLines {
  const stopping = new AbortController();
  let lines = 0;
  let window: Promise<void> | undefined;

  function close(): void {
    const heldBack = lines - MOST_LINES;
    if (heldBack > 0) log.warn({ [noun]: heldBack }, more(heldBack));
    lines = 0;
    window = undefined;
  }

  return {
    tell(fields, error) {
      window ??= clock.delay(WINDOW_MS, stopping.signal).then(close);
      lines += 1;
      if (lines > MOST_LINES) return;
      const shown = error.length > ERROR_LIMIT ? `${error.slice(0, ERROR_LIMIT)} ..` : error;
      log.warn(fields, `${one}: ${shown.replaceAll(/\s*\n\s*/g, ' ')}`);
    },
    async stop() {
      stopping.abort();
      await window;
    },
  };
}
