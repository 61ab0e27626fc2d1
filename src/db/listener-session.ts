import { randomBytes } from 'node:crypto';
import { escapeIdentifier } from 'pg';
import type { Clock } from '../core/clock.ts';
import { LamplighterError } from '../core/errors.ts';
import { connectClient } from './connection/connect-client.ts';
import type { ConnectionSettings } from './connection/connection-settings.ts';
import { describeHost } from './connection/connection-text.ts';
import { detectRoute } from './connection/pooler-detection.ts';
import type { Queryable } from './query.ts';
import type { Session } from './session.ts';

export interface ListenerTiming {
  /** Pause between signs of life, which find a connection that is only half open. */
  readonly keepaliveMs: number;
  /** Longest wait for any answer; then the connection counts as broken. */
  readonly answerMs: number;
  /** Longest way of a canary. */
  readonly canaryMs: number;
  /** Age at which a session gives way to a new one, which may lead elsewhere by now and has to prove itself. */
  readonly replaceAfterMs: number;
  /** Pause before trying again where notifications did not arrive. */
  readonly retryMs: number;
}

export interface ListenRequest {
  readonly settings: ConnectionSettings;
  readonly channels: readonly string[];
  readonly onEvent: (channel: string, payload: string) => void;
  readonly clock: Clock;
  readonly timing: ListenerTiming;
  /** The session to be replaced, if any: it listens on meanwhile, and takes the part of the probe. */
  readonly old?: Session | undefined;
  readonly signal: AbortSignal;
}

/**
 * Opens a session and listens, or says in words why notifications do not arrive there. Behind a transaction pooler LISTEN would succeed
 * on a stranger's session, so the route is looked at first, and then a canary sent from elsewhere has to arrive before any channel of
 * the caller's is listened to.
 */
export async function openListeningSession(request: ListenRequest): Promise<Session | { readonly refusal: string }> {
  const { settings, channels, onEvent, clock, timing, old, signal } = request;
  const connect = (applicationName: string) =>
    connectClient(settings, { applicationName, queryTimeoutMs: timing.answerMs, signal });
  const session = await connect('lamplighter listener');
  let awaited: { readonly token: string; readonly end: (hasArrived: boolean) => void } | undefined;
  const onAbort = () => {
    awaited?.end(false);
    void session.end();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  session.onClose(() => {
    awaited?.end(false);
    signal.removeEventListener('abort', onAbort);
  });

  const canaryChannel = `lamplighter_canary_${randomBytes(8).toString('hex')}`;
  session.onNotification(({ channel, payload }) => {
    if (channel !== canaryChannel) onEvent(channel, payload);
    else if (payload === awaited?.token) awaited.end(true);
  });

  /** Resolves with true when a canary arrives, with false when it does not in time; fails when the session is closed meanwhile. */
  async function prove(sender: Queryable): Promise<boolean> {
    const token = randomBytes(8).toString('hex');
    const wait = new AbortController();
    let isProven = false;
    awaited = {
      token,
      end(hasArrived) {
        isProven = hasArrived;
        wait.abort();
      },
    };
    await sender.query('select pg_catalog.pg_notify($1, $2)', [canaryChannel, token]);
    await clock.delay(timing.canaryMs, wait.signal);
    awaited = undefined;
    if (!session.isOpen) throw new LamplighterError('CONNECTION_LOST', 'The connection was closed');
    return isProven;
  }

  async function listen(): Promise<string | undefined> {
    const probes: Session[] = [];
    try {
      const route = await detectRoute(session, async () => {
        if (old?.isOpen === true) return old;
        const probe = await connect('lamplighter listener probe');
        probes.push(probe);
        return probe;
      });
      if (route === 'transaction-pooled')
        return `a transaction pooler is in front of the server at ${describeHost(settings)}, where LISTEN does not work`;
      // A role's limit on idle sessions would end this one again and again; behind a pooler it is not ours to lift.
      if (route === 'direct') await session.query('set idle_session_timeout = 0');
      await session.query(`listen ${escapeIdentifier(canaryChannel)}`);
      // Behind a pooler the proof has to come from another session: one's own notifications come back with the answer.
      const sender = route === 'direct' ? session : (probes[0] ?? old ?? session);
      if (!(await prove(sender)))
        return `notifications do not arrive through what is in front of the server at ${describeHost(settings)}`;
      await session.query(channels.map((channel) => `listen ${escapeIdentifier(channel)}`).join('; '));
      return undefined;
    } finally {
      await Promise.all(probes.map((probe) => probe.end()));
    }
  }

  try {
    const refusal = await listen();
    if (refusal === undefined) return session;
    await session.end();
    return { refusal };
  } catch (error) {
    await session.end();
    throw error;
  }
}
