import { randomBytes } from 'node:crypto';
import { escapeIdentifier } from 'pg';
import type { Clock } from '../core/clock.ts';
import { connectClient } from './connect-client.ts';
import type { ConnectionSettings } from './connection-settings.ts';
import { describeHost } from './connection-text.ts';
import { detectRoute } from './pooler-detection.ts';
import type { Queryable } from './query.ts';
import type { Session } from './session.ts';

export interface ListenerTiming {
  /** Pause between signs of life, which find a connection that is only half open. */
  readonly keepaliveMs: number;
  /** Longest wait for any answer; then the connection counts as broken. */
  readonly answerMs: number;
  /** Longest way of a canary. */
  readonly canaryMs: number;
  /** Age at which the proof that notifications arrive is renewed. */
  readonly canaryIntervalMs: number;
  /** Pause before trying again where notifications did not arrive. */
  readonly retryMs: number;
}

export interface ListeningSession {
  /** Renews the proof of delivery when it is old, else only checks that the server answers. Returns why listening is over, if it is. */
  check(): Promise<string | undefined>;
  readonly session: Session;
}

export interface ListenRequest {
  readonly settings: ConnectionSettings;
  readonly channels: readonly string[];
  readonly onEvent: (channel: string, payload: string) => void;
  readonly clock: Clock;
  readonly timing: ListenerTiming;
  readonly signal: AbortSignal;
}

/**
 * Opens a session and listens, or says in words why notifications do not arrive there. Behind a transaction pooler LISTEN would succeed
 * on a stranger's session, so the route is looked at first, and then a canary sent from elsewhere has to arrive before any channel of
 * the caller's is listened to.
 */
export async function openListeningSession(
  request: ListenRequest,
): Promise<ListeningSession | { readonly refusal: string }> {
  const { settings, channels, onEvent, clock, timing, signal } = request;
  const connect = (applicationName: string) =>
    connectClient(settings, { applicationName, queryTimeoutMs: timing.answerMs, signal });
  const session = await connect('lamplighter listener');
  const onAbort = () => void session.end();
  signal.addEventListener('abort', onAbort, { once: true });
  session.onClose(() => signal.removeEventListener('abort', onAbort));

  const canaryChannel = `lamplighter_canary_${randomBytes(8).toString('hex')}`;
  let awaited: { readonly token: string; readonly arrived: () => void } | undefined;
  session.onNotification(({ channel, payload }) => {
    if (channel !== canaryChannel) onEvent(channel, payload);
    else if (payload === awaited?.token) awaited.arrived();
  });

  let isDirect = true;
  let provenMs = 0;
  async function prove(sender: Queryable): Promise<string | undefined> {
    const token = randomBytes(8).toString('hex');
    const arrival = new AbortController();
    awaited = { token, arrived: () => arrival.abort() };
    await sender.query('select pg_catalog.pg_notify($1, $2)', [canaryChannel, token]);
    await clock.delay(timing.canaryMs, arrival.signal);
    awaited = undefined;
    if (!arrival.signal.aborted)
      return `notifications do not arrive through what is in front of the server at ${describeHost(settings)}`;
    provenMs = clock.nowMs();
    return undefined;
  }

  async function proveFromElsewhere(): Promise<string | undefined> {
    const probe = await connect('lamplighter listener probe');
    try {
      return await prove(probe);
    } finally {
      await probe.end();
    }
  }

  async function listen(): Promise<string | undefined> {
    const probes: Session[] = [];
    try {
      const route = await detectRoute(session, async () => {
        const probe = await connect('lamplighter listener probe');
        probes.push(probe);
        return probe;
      });
      if (route === 'transaction-pooled')
        return `a transaction pooler is in front of the server at ${describeHost(settings)}, where LISTEN does not work`;
      isDirect = route === 'direct';
      await session.query(`listen ${escapeIdentifier(canaryChannel)}`);
      // Behind a pooler the proof has to come from another session: one's own notifications come back with the answer.
      const refusal = await prove(probes[0] ?? session);
      if (refusal !== undefined) return refusal;
      await session.query(channels.map((channel) => `listen ${escapeIdentifier(channel)}`).join('; '));
      return undefined;
    } finally {
      await Promise.all(probes.map((probe) => probe.end()));
    }
  }

  try {
    const refusal = await listen();
    if (refusal === undefined) return { session, check };
    await session.end();
    return { refusal };
  } catch (error) {
    await session.end();
    throw error;
  }

  async function check(): Promise<string | undefined> {
    if (clock.nowMs() - provenMs >= timing.canaryIntervalMs) return isDirect ? prove(session) : proveFromElsewhere();
    await session.query('select 1');
    return undefined;
  }
}
