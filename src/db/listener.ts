import { type Clock, systemClock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { type Service, startLoop } from '../core/service.ts';
import { type ConnectionSettings, directOf } from './connection-settings.ts';
import { type ListenerTiming, type ListeningSession, openListeningSession } from './listener-session.ts';

/** `polling`: no notification can be relied on, so the owner has to look for itself. */
export type ListenerState = 'listening' | 'polling';

export interface ListenerOptions {
  readonly settings: ConnectionSettings;
  readonly channels: readonly string[];
  /** A hint that something may have happened. The payload is whatever any role sent: text to be parsed with suspicion. */
  readonly onEvent: (channel: string, payload: string) => void;
  /** Notifications may have been missed: look at everything. Called each time that listening begins. */
  readonly onResync: () => void;
  /** Called when the state or its reason changes; the reason is for people and empty while listening. */
  readonly onState: (state: ListenerState, reason: string) => void;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly timing?: Partial<ListenerTiming>;
}

const TIMING: ListenerTiming = {
  keepaliveMs: 30_000,
  answerMs: 10_000,
  canaryMs: 5_000,
  canaryIntervalMs: 300_000,
  retryMs: 300_000,
};
/** Pause after a session that worked was lost; failing to open the next one lengthens it. */
const RECONNECT_MS = 100;

/**
 * Duty: one session that hears NOTIFY, and the truth about whether it does. Reads and writes nothing but notifications. It reconnects for
 * ever, tells the owner to poll meanwhile, and asks for a full look each time that it hears again, so a death at any point loses nothing
 * but time. Uses the direct connection when the settings have one.
 */
export function startListener(options: ListenerOptions): Service {
  const { channels, onEvent, onResync, onState, log, clock = systemClock } = options;
  const settings = directOf(options.settings);
  const timing = { ...TIMING, ...options.timing };
  let told = '';
  let pauseMs = RECONNECT_MS;

  function tell(state: ListenerState, reason: string): void {
    if (told === `${state} ${reason}`) return;
    told = `${state} ${reason}`;
    if (state === 'listening') log.info('listening for notifications');
    else log.warn({ reason }, 'not listening for notifications; polling instead');
    callOwner(() => onState(state, reason));
  }

  function callOwner(call: () => void): void {
    try {
      call();
    } catch (error) {
      log.error({ err: error }, 'a callback of the listener failed');
    }
  }

  /** Resolves with the reason when listening is over; an answer that does not come in time closes the session. */
  async function watch({ session, check }: ListeningSession, signal: AbortSignal): Promise<string> {
    const over = new AbortController();
    let reason = 'the connection was closed';
    const end = () => over.abort();
    signal.addEventListener('abort', end, { once: true });
    session.onClose((failure) => {
      reason = messageOf(failure ?? reason);
      end();
    });
    try {
      for (;;) {
        await clock.delay(timing.keepaliveMs, over.signal);
        if (over.signal.aborted) return reason;
        const refusal = await check();
        if (refusal !== undefined) {
          pauseMs = timing.retryMs;
          return refusal;
        }
      }
    } finally {
      signal.removeEventListener('abort', end);
      await session.end();
    }
  }

  return startLoop({
    clock,
    intervalMs: () => pauseMs,
    async runOnce(signal) {
      pauseMs = RECONNECT_MS;
      const hearing = (channel: string, payload: string) => callOwner(() => onEvent(channel, payload));
      const opened = await openListeningSession({ settings, channels, onEvent: hearing, clock, timing, signal });
      if ('refusal' in opened) {
        pauseMs = timing.retryMs;
        tell('polling', opened.refusal);
        return;
      }
      tell('listening', '');
      callOwner(onResync);
      const reason = await watch(opened, signal).catch(messageOf);
      if (!signal.aborted) tell('polling', reason);
    },
    onError: (error) => tell('polling', messageOf(error)),
  });
}
