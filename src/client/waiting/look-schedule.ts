/** Bounds of the pause between two looks at a request, which is a share of how long it has been waited for. */
interface Pace {
  readonly shareOfAge: number;
  readonly minMs: number;
  readonly maxMs: number;
}

/** Events say when to look; looking all the same finds what a full notification queue has dropped. */
const LISTENING: Pace = { shareOfAge: 0.5, minMs: 500, maxMs: 10_000 };
/** Nothing says when to look: a quarter of the wait so far is lost at most, or one second. */
const POLLING: Pace = { shareOfAge: 0.25, minMs: 20, maxMs: 1_000 };
/** Longest pause that false events about a request can earn it. */
const MAX_DISTRUST_MS = 1_000;
const FIRST_DISTRUST_MS = 20;

/** When to look at one request. All times are a {@link Clock}'s milliseconds. */
export interface LookSchedule {
  readonly nextLookMs: number;
  /** True when a look at `nowMs` may take this request along, though its time has not quite come: so looks fall into step. */
  isNear(nowMs: number): boolean;
  /** Somebody says that the request has ended. */
  hint(nowMs: number): void;
  /** Look at once, whatever came before. */
  resync(nowMs: number): void;
  /** A look begins. What is said from now on may be news to it, and so leads to another one. */
  begin(nowMs: number, isListening: boolean): void;
  /** The look found that the request has not ended. */
  missed(): void;
}

/** The schedule of a request that is waited for since `sinceMs`; the first look is due then. */
export function createLookSchedule(sinceMs: number): LookSchedule {
  let nextLookMs = sinceMs;
  let lastLookMs = Number.NEGATIVE_INFINITY;
  let pauseMs = 0;
  let isHinted = false;
  let wasHinted = false;
  // Any role can send events: each one that proves false doubles the pause after which the next is believed.
  let distrustMs = 0;
  return {
    get nextLookMs() {
      return nextLookMs;
    },
    isNear: (nowMs) => nextLookMs - nowMs <= pauseMs / 2,
    hint(nowMs) {
      isHinted = true;
      nextLookMs = Math.min(nextLookMs, Math.max(nowMs, lastLookMs + distrustMs));
    },
    resync(nowMs) {
      nextLookMs = Math.min(nextLookMs, nowMs);
    },
    begin(nowMs, isListening) {
      const { shareOfAge, minMs, maxMs } = isListening ? LISTENING : POLLING;
      pauseMs = Math.min(maxMs, Math.max(minMs, (nowMs - sinceMs) * shareOfAge));
      lastLookMs = nowMs;
      nextLookMs = nowMs + pauseMs;
      wasHinted = isHinted;
      isHinted = false;
    },
    missed() {
      if (wasHinted) distrustMs = Math.min(MAX_DISTRUST_MS, Math.max(FIRST_DISTRUST_MS, distrustMs * 2));
    },
  };
}
