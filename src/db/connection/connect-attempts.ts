import type { Client } from 'pg';
import { LamplighterError } from '../../core/errors.ts';
import { isSqlState } from '../sqlstate.ts';
import { isTlsNotOffered, isTlsTrouble, toConnectError } from './connect-error.ts';
import type { ConnectionSettings, HostAddress } from './connection-settings.ts';
import { describeHost } from './connection-text.ts';
import { channelNotBound, watchChannelBinding } from './driver-client.ts';
import { type Encryption, encryptionsToTry } from './tls.ts';

export interface ConnectAttempt {
  readonly address: HostAddress;
  readonly encryption: Encryption;
}

/** The attempt that worked last, so that `prefer` does not knock twice each time at a server without TLS. */
const lastWorking = new WeakMap<ConnectionSettings, ConnectAttempt>();

/**
 * Calls `open` for each host in turn, encrypted as `sslmode` says, until one works.
 *
 * @throws LamplighterError of the last attempt, e.g. CONNECTION_REFUSED, AUTHENTICATION_FAILED, TLS_FAILED; ABORTED at once.
 */
export async function connectInTurn<T>(
  settings: ConnectionSettings,
  open: (attempt: ConnectAttempt) => Promise<T>,
): Promise<T> {
  let previous: { readonly attempt: ConnectAttempt; readonly error: LamplighterError } | undefined;
  for (const attempt of attemptsFor(settings)) {
    if (previous !== undefined && !isWorthTrying(attempt, previous, settings)) continue;
    try {
      const opened = await open(attempt);
      lastWorking.set(settings, attempt);
      return opened;
    } catch (error) {
      const failure = toConnectError(error, settings, attempt.address);
      if (failure.code === 'ABORTED') throw failure;
      // Of two failures at one host the later counts, unless it only says that this way in is closed, too.
      const isFirst = previous?.attempt.address !== attempt.address || isTlsNotOffered(previous.error.cause);
      if (isFirst || !isAboutEncryption(failure)) previous = { attempt, error: failure };
    }
  }
  throw previous?.error ?? new LamplighterError('CONFIG_INVALID', 'expected at least one host to connect to');
}

/** Every way to every host, the one that worked last before the others. */
export function attemptsFor(settings: ConnectionSettings): ConnectAttempt[] {
  const attempts = [settings, ...(settings.fallbackHosts ?? [])].flatMap((address) =>
    encryptionsToTry(settings.tls, address.host).map((encryption) => ({ address, encryption })),
  );
  const last = lastWorking.get(settings);
  const isLast = (attempt: ConnectAttempt) =>
    attempt.address === last?.address && attempt.encryption === last.encryption;
  return [...attempts.filter(isLast), ...attempts.filter((attempt) => !isLast(attempt))];
}

/** Decides as libpq: a wrong password ends the search, a refusal may be about encryption, and an unusable host leads to the next. */
function isWorthTrying(
  next: ConnectAttempt,
  previous: { readonly attempt: ConnectAttempt; readonly error: LamplighterError },
  settings: ConnectionSettings,
): boolean {
  const { attempt, error } = previous;
  if (next.address === attempt.address) return isAboutEncryption(error);
  return (
    error.code === 'CONNECTION_REFUSED' || error.code === 'TLS_FAILED' || (settings.targetSession ?? 'any') !== 'any'
  );
}

/** pg_hba.conf can admit a role with encryption only, or without only; the SQLSTATE is that of an unknown role. */
function isAboutEncryption(error: LamplighterError): boolean {
  return isTlsTrouble(error.cause) || isSqlState(error.cause, 'invalidAuthorizationSpecification');
}

export interface LoginOptions {
  readonly settings: ConnectionSettings;
  readonly address: HostAddress;
  /** The place in messages: `user@host:port/database`. */
  readonly place: string;
  /** Gives up connecting; an open connection is not bound to it. */
  readonly signal?: AbortSignal | undefined;
  /** What else has to be so, within the same time. */
  readonly check?: (() => Promise<void>) | undefined;
}

/** Logs a client in within the connect timeout of the settings; whoever made the client cuts it when this fails. */
export async function logIn(client: Client, { settings, address, place, signal, check }: LoginOptions): Promise<void> {
  const { connectTimeoutMs = 10_000, mustBindChannel = false } = settings;
  const cut = (code: LamplighterError['code'], message: string) => {
    client.connection.stream.destroy(new LamplighterError(code, message));
  };
  const onAbort = () => cut('ABORTED', `Gave up connecting to ${place}`);
  const timer = setTimeout(
    () => cut('CONNECTION_REFUSED', `${describeHost(address)} did not answer within ${connectTimeoutMs / 1_000} s`),
    connectTimeoutMs,
  );
  signal?.addEventListener('abort', onAbort, { once: true });
  const isBound = mustBindChannel ? watchChannelBinding(client, place) : () => true;
  try {
    await client.connect();
    if (!isBound()) throw channelNotBound(place);
    await check?.();
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
