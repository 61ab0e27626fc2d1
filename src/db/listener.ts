import { type Clock, systemClock } from '../core/clock.ts';
import { LamplighterError, messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { createTroubles, type Troubles } from '../core/recurring-trouble.ts';
import { type Service, startLoop } from '../core/service.ts';
import { type ConnectionSettings, directOf } from './connection/connection-settings.ts';
import { DATABASE_TROUBLE } from './database-trouble.ts';
import { type ListenerTiming, openListeningSession } from './listener-session.ts';
import type { Session } from './session.ts';
import { sqlStateOf } from './sqlstate.ts';

/** `polling`: no notification can be relied on, so the owner has to look for itself. */
export type ListenerState = 'listening' | 'polling';

export interface ListenerOptions {
  readonly settings: ConnectionSettings;
  readonly channels: readonly string[];
  /** A hint that something may have happened. The payload is whatever any role sent: text to be parsed with suspicion. */
  readonly onEvent: (channel: string, payload: string) => void;
  /** Notifications may have been missed: look at everything. Called each time that a session begins to listen. */
  readonly onResync: () => void;
  /** Called when the state or its reason changes; the reason is for people and empty while listening. */
  readonly onState: (state: ListenerState, reason: string) => void;
  readonly log: Logger;
  /** @default those of this listener alone */
  readonly troubles?: Troubles;
  readonly clock?: Clock;
  readonly timing?: Partial<ListenerTiming>;
  /** Runs what needs one connection more than the one that listens: opening, proving, and replacing. @default at once */
  readonly withShortSession?: <T>(work: () => Promise<T>) => Promise<T>;
}

const TIMING: ListenerTiming = {
  keepaliveMs: 30_000,
  answerMs: 10_000,
  canaryMs: 5_000,
  replaceAfterMs: 300_000,
  retryMs: 300_000,
};
/** Pause after a session that worked was lost; failing to open the next one lengthens it. */
const RECONNECT_MS = 100;

/**
 * Duty: one session that hears NOTIFY, and the truth about whether it does. Reads and writes nothing but notifications. It reconnects for
 * ever, tells the owner to poll meanwhile, and asks for a full scan each time that it hears again, so a death at any point loses nothing
 * but time. Every few minutes a new session takes the place of the old one, which listens until then: a server that has been replaced
 * behind its name would go on answering, and never notify again. Uses the direct connection when the settings have one.
 */
export function startListener(options: ListenerOptions): Service {
  const { channels, onEvent, onResync, onState, log, clock = systemClock } = options;
  const settings = directOf(options.settings);
  const timing = { ...TIMING, ...options.timing };
  const { troubles = createTroubles({ log, clock, shared: DATABASE_TROUBLE }), withShortSession = (work) => work() } =
    options;
  const trouble = troubles.define('listen for notifications');
  let told = '';
  let isSaid = false;
  let pauseMs = RECONNECT_MS;

  function tell(state: ListenerState, reason: string): void {
    if (told === `${state} ${reason}`) return;
    told = `${state} ${reason}`;
    callOwner(() => onState(state, reason));
  }

  function tellListening(): void {
    trouble.settle();
    if (!isSaid) log.info('listening for notifications');
    isSaid = true;
    tell('listening', '');
  }

  function tellRefused(reason: string): void {
    trouble.settle();
    if (told !== `polling ${reason}`) log.warn({ reason }, 'not listening for notifications; polling instead');
    isSaid = false;
    tell('polling', reason);
  }

  function tellLost(error: unknown): void {
    trouble.note(error);
    tell('polling', messageOf(error));
  }

  function callOwner(call: () => void): void {
    try {
      call();
    } catch (error) {
      log.error({ err: error }, 'a callback of the listener failed');
    }
  }

  /** A session that listens; undefined, with the reason told, where notifications do not arrive. */
  async function open(signal: AbortSignal, old?: Session): Promise<Session | undefined> {
    const hearing = (channel: string, payload: string) => callOwner(() => onEvent(channel, payload));
    const opened = await openListeningSession({ settings, channels, onEvent: hearing, clock, timing, old, signal });
    if (!('refusal' in opened)) return opened;
    pauseMs = timing.retryMs;
    tellRefused(opened.refusal);
    return undefined;
  }

  /** Resolves when the session is old or the listener stops; fails when the session is closed or does not answer in time. */
  async function watch(session: Session, signal: AbortSignal): Promise<void> {
    const openedMs = clock.nowMs();
    const over = new AbortController();
    let failure: Error | undefined;
    const end = () => over.abort();
    signal.addEventListener('abort', end, { once: true });
    session.onClose((reason) => {
      failure = sqlStateOf(reason) === undefined ? closed(reason) : reason;
      end();
    });
    try {
      while (!signal.aborted) {
        await clock.delay(timing.keepaliveMs, over.signal);
        if (failure !== undefined) throw failure;
        if (signal.aborted || clock.nowMs() - openedMs >= timing.replaceAfterMs) return;
        await session.query('select 1');
      }
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  /** The session to listen with from now on: the old one itself while no other can be opened. Otherwise that one is gone then. */
  async function replace(old: Session, signal: AbortSignal): Promise<Session | undefined> {
    try {
      const session = await open(signal, old);
      await old.end();
      return session;
    } catch (error) {
      if (!signal.aborted) log.debug({ err: error }, 'could not open another session to listen with yet');
      return old;
    }
  }

  const loop = startLoop({
    clock,
    intervalMs: () => pauseMs,
    async runOnce(signal) {
      pauseMs = RECONNECT_MS;
      let session = await withShortSession(() => open(signal));
      while (session !== undefined) {
        const current: Session = session;
        tellListening();
        callOwner(onResync);
        session = undefined;
        try {
          await watch(current, signal);
          if (!signal.aborted) session = await withShortSession(() => replace(current, signal));
        } catch (error) {
          if (!signal.aborted) tellLost(error);
        } finally {
          if (session !== current) await current.end();
        }
      }
    },
    onError: tellLost,
    onDeath: (error) => trouble.die(error),
  });
  trouble.onRecovery(() => loop.tryAgain());
  return loop;
}

function closed(cause: Error | undefined): LamplighterError {
  return new LamplighterError('CONNECTION_LOST', cause?.message ?? 'the connection was closed', { cause });
}
