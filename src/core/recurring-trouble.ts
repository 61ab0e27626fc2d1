import type { Clock } from './clock.ts';
import { formatDuration } from './duration.ts';
import { isLamplighterError, messageOf } from './errors.ts';
import type { Logger } from './log.ts';

/** While a trouble lasts or keeps coming back, it is told of once in this time. */
const AGAIN_MS = 60_000;
/** A trouble without another failure for this long is over, even without a new try. */
const QUIET_MS = 10_000;
/** A trouble that is never settled is forgotten this long after its last failure. */
const FORGET_MS = 120_000;

/** So often at most those who wait after a shared trouble are told that it may be over: a server that comes and goes must not be rushed. */
const RECOVERY_MS = 1_000;

/** Something that may fail again and again, and is told of as one trouble: when it begins, once a minute, and when it ends. */
export interface Trouble {
  /** Notes a failure. `details` go with the line if there is one; each failure has a line with its stack at level `debug`. */
  note(error: unknown, details?: object): void;
  /** Notes a success, as far as the caller can tell. After a shared trouble, all others that have it hear of that. */
  settle(): void;
  /** Whoever had it does not run any more, and nobody will start it again. */
  die(error: unknown): void;
  /** Has `tryAgain` called when the shared trouble that was noted here last may be over: it need not be waited out. One at a time. */
  onRecovery(tryAgain: () => void): void;
}

/** How a trouble is told of, where that is not "could not do this" and "can do this again". */
export interface TroubleWords {
  readonly begins: string;
  readonly lasts: string;
  readonly ends: string;
  /** What becomes of the work meanwhile, as half a sentence. */
  readonly advice?: string;
  /** What is counted, after so many failures. @default the failures */
  readonly count?: (failures: number) => string;
  /** True where it lasts until it is settled, however long nobody tries. @default false */
  readonly isKept?: boolean;
}

export interface Troubles {
  /** `what` goes on after "could not", such as `claim requests`. */
  define(what: string, words?: TroubleWords): Trouble;
}

/** One trouble behind the failures of many. */
export interface SharedTrouble {
  /** What goes on after "cannot". */
  readonly what: string;
  /** What becomes of the work meanwhile, as half a sentence. */
  readonly advice: string;
  includes(error: unknown): boolean;
}

export interface TroublesOptions {
  readonly log: Logger;
  readonly clock: Clock;
  /** Failures that count as this one trouble, in any part of the program. @default none */
  readonly shared?: SharedTrouble;
  /** Told of what does not run any more. @default nobody */
  readonly onDeath?: (what: string, error: unknown) => void;
}

/**
 * Troubles of one program. However often something fails, it is logged at most twice a minute: `warn` when it begins, with its cause, and
 * once a minute with a count, `info` when it is over. A cause is named once, until it changes.
 */
export function createTroubles({ log, clock, shared, onDeath }: TroublesOptions): Troubles {
  const common = shared && createEpisodes(wordsOf(shared.what, 'cannot', shared.advice), log, clock);
  /** Troubles whose last failure was the shared one, and how they try again. */
  const sharing = new Map<Trouble, () => void>();
  let recoveredMs = Number.NEGATIVE_INFINITY;

  /** One of those who shared it has succeeded. */
  function noteRecovery(): void {
    if (sharing.size === 0 || clock.nowMs() - recoveredMs < RECOVERY_MS) return;
    recoveredMs = clock.nowMs();
    for (const tryAgain of [...sharing.values()]) tryAgain();
  }

  return {
    define(what, words = wordsOf(what, 'could not')) {
      const own = createEpisodes(words, log, clock);
      let tryAgain = () => {};
      const trouble: Trouble = {
        note(error, details = {}) {
          log.debug({ err: error, ...details }, `could not ${what}`);
          if (common === undefined || shared?.includes(error) !== true) {
            sharing.delete(trouble);
            own.note(what, error, details);
          } else {
            sharing.set(trouble, () => tryAgain());
            common.note(what, error, { ...details, noticedBy: what });
          }
        },
        settle() {
          if (sharing.delete(trouble)) noteRecovery();
          own.settle(what);
          common?.settle(what);
        },
        die: (error) => onDeath?.(what, error),
        onRecovery(listener) {
          tryAgain = listener;
        },
      };
      return trouble;
    },
  };
}

function wordsOf(what: string, verb: string, advice?: string): TroubleWords {
  return {
    begins: `${verb} ${what}`,
    lasts: `still ${verb} ${what}`,
    ends: `can ${what} again`,
    ...(advice === undefined ? {} : { advice }),
  };
}

/** A span from the first failure until everybody who has failed has succeeded, or nobody has failed for a while since one of them did. */
interface Episode {
  readonly beganMs: number;
  /** False for one that began too soon after the last line. */
  isTold: boolean;
  failures: number;
  lastMs: number;
  /** Since when tries succeed and none fails. */
  worksSinceMs: number | undefined;
  readonly failing: Set<string>;
}

function createEpisodes(words: TroubleWords, log: Logger, clock: Clock) {
  const { begins, lasts, ends, advice, count = countFailures, isKept = false } = words;
  let episode: Episode | undefined;
  let toldMs = Number.NEGATIVE_INFINITY;
  let toldCause = '';
  /** Failures since the last line. */
  let untold = 0;

  function begin(nowMs: number): Episode {
    toldCause = '';
    return { beganMs: nowMs, isTold: false, failures: 0, lastMs: nowMs, worksSinceMs: undefined, failing: new Set() };
  }

  function tell(current: Episode, cause: string, fields: object, nowMs: number): void {
    const named = cause === toldCause ? '' : `: ${cause}`;
    if (current.isTold) {
      const lasted = formatSeconds(nowMs - current.beganMs);
      log.warn(
        { ...fields, failures: current.failures },
        `${lasts}, for ${lasted}, ${count(current.failures)}${named}`,
      );
    } else {
      const since = untold > 1 ? `, ${countFailures(untold)} in the last ${formatSeconds(nowMs - toldMs)}` : '';
      log.warn(fields, `${begins}${named}${since}${advice === undefined ? '' : `; ${advice}`}`);
    }
    current.isTold = true;
    toldMs = nowMs;
    toldCause = cause;
    untold = 0;
  }

  function end(ended: Episode, sinceMs: number): void {
    episode = undefined;
    if (!ended.isTold) return;
    untold = 0;
    const lasted = formatSeconds(sinceMs - ended.beganMs);
    log.info({ failures: ended.failures }, `${ends} after ${lasted}, ${count(ended.failures)}`);
  }

  return {
    note(by: string, error: unknown, details: object): void {
      const nowMs = clock.nowMs();
      if (!isKept && episode !== undefined && nowMs - episode.lastMs >= FORGET_MS) episode = undefined;
      episode ??= begin(nowMs);
      episode.failures += 1;
      episode.lastMs = nowMs;
      episode.worksSinceMs = undefined;
      episode.failing.add(by);
      untold += 1;
      if (nowMs - toldMs < AGAIN_MS) return;
      tell(episode, causeOf(error), { ...adviceOf(error), ...details }, nowMs);
    },
    settle(by: string): void {
      if (episode === undefined) return;
      const nowMs = clock.nowMs();
      if (episode.failing.delete(by)) episode.worksSinceMs ??= nowMs;
      const sinceMs = episode.worksSinceMs;
      if (sinceMs === undefined) return;
      if (episode.failing.size === 0 || nowMs - sinceMs >= QUIET_MS) end(episode, sinceMs);
    },
  };
}

/** What went wrong, in one line and its own words. */
function causeOf(error: unknown): string {
  return messageOf(error)
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ');
}

function adviceOf(error: unknown): { readonly code?: string; readonly hint?: string } {
  const code = codeOf(error);
  const hint = isLamplighterError(error) ? error.hint : undefined;
  return { ...(code === undefined ? {} : { code }), ...(hint === undefined ? {} : { hint }) };
}

/** The SQLSTATE, or the code of the program or of Node. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  const inner = isLamplighterError(error) ? codeOf(error.cause) : undefined;
  return inner ?? error.code;
}

const countFailures = (failures: number) => `${failures} ${failures === 1 ? 'failure' : 'failures'}`;

/** Seconds with one decimal below a minute, as `4.2 s`, and without above. */
function formatSeconds(ms: number): string {
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : formatDuration(Math.round(ms / 1_000) * 1_000);
}
