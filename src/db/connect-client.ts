import { LamplighterError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { cancelQuery } from './cancel-query.ts';
import { isTlsNotOffered, isTlsTrouble, toConnectError } from './connect-error.ts';
import type { ConnectionSettings, HostAddress, TargetSession } from './connection-settings.ts';
import { describeConnection, describeHost } from './connection-text.ts';
import { channelNotBound, createDriverClient, watchChannelBinding } from './driver-client.ts';
import type { Queryable } from './query.ts';
import { createSession, type Session } from './session.ts';
import { isSqlState } from './sqlstate.ts';
import { type Encryption, encryptionsToTry } from './tls.ts';

export interface ConnectOptions {
  /** Wins over what the settings say. @default the settings' name, else 'lamplighter' */
  readonly applicationName?: string;
  /** Longest wait for the answer to one query; see {@link Session}. @default unbounded */
  readonly queryTimeoutMs?: number;
  /** Gives up connecting; the session itself is not bound to it. */
  readonly signal?: AbortSignal;
  readonly log?: Logger;
}

interface Attempt {
  readonly address: HostAddress;
  readonly encryption: Encryption;
}

/** The attempt that worked last, so that `prefer` does not knock twice each time at a server without TLS. */
const lastWorking = new WeakMap<ConnectionSettings, Attempt>();

/**
 * Opens a session: each host in turn, encrypted as `sslmode` says, until one answers and is of the wanted kind. The startup packet holds
 * user, database, application_name and client_encoding, nothing else.
 *
 * @throws LamplighterError of the last attempt, e.g. CONNECTION_REFUSED, AUTHENTICATION_FAILED, TLS_FAILED; ABORTED on the signal.
 */
export async function connectClient(settings: ConnectionSettings, options: ConnectOptions = {}): Promise<Session> {
  let previous: { readonly attempt: Attempt; readonly error: LamplighterError } | undefined;
  for (const attempt of attemptsFor(settings)) {
    if (previous !== undefined && !isWorthTrying(attempt, previous, settings)) continue;
    try {
      const session = await open(settings, attempt, options);
      lastWorking.set(settings, attempt);
      return session;
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

function attemptsFor(settings: ConnectionSettings): Attempt[] {
  const attempts = [settings, ...(settings.fallbackHosts ?? [])].flatMap((address) =>
    encryptionsToTry(settings.tls, address.host).map((encryption) => ({ address, encryption })),
  );
  const last = lastWorking.get(settings);
  const isLast = (attempt: Attempt) => attempt.address === last?.address && attempt.encryption === last.encryption;
  return [...attempts.filter(isLast), ...attempts.filter((attempt) => !isLast(attempt))];
}

/** As libpq: a wrong password ends the search, a refusal may be about encryption, and an unusable host leads to the next. */
function isWorthTrying(
  next: Attempt,
  previous: { readonly attempt: Attempt; readonly error: LamplighterError },
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

async function open(
  settings: ConnectionSettings,
  { address, encryption }: Attempt,
  options: ConnectOptions,
): Promise<Session> {
  const { signal, queryTimeoutMs } = options;
  const { connectTimeoutMs = 10_000, targetSession = 'any', mustBindChannel = false } = settings;
  const place = describeConnection({ ...settings, ...address, fallbackHosts: [] });
  if (signal?.aborted === true) throw new LamplighterError('ABORTED', `Gave up connecting to ${place}`);
  const client = createDriverClient(settings, address, encryption, options.applicationName);
  const cut = (code: LamplighterError['code'], message: string) => {
    client.connection.stream.destroy(new LamplighterError(code, message));
  };
  const onAbort = () => cut('ABORTED', `Gave up connecting to ${place}`);
  const timer = setTimeout(
    () => cut('CONNECTION_REFUSED', `${describeHost(address)} did not answer within ${connectTimeoutMs / 1_000} s`),
    connectTimeoutMs,
  );
  signal?.addEventListener('abort', onAbort, { once: true });
  // Before connecting: the server may end a session in the same packet that opens it.
  const cancel = () => cancelQuery(client, createDriverClient(settings, address, encryption));
  const session = createSession(client, { place, queryTimeoutMs, cancel });
  const isBound = mustBindChannel ? watchChannelBinding(client, place) : () => true;
  session.onNotice((message) => options.log?.debug({ notice: message }, 'notice from the server'));
  try {
    await client.connect();
    if (!isBound()) throw channelNotBound(place);
    if (targetSession !== 'any') await demandTarget(session, targetSession, place);
    return session;
  } catch (error) {
    session.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

async function demandTarget(session: Queryable, target: TargetSession, place: string): Promise<void> {
  const { rows } = await session.query<{ standby: boolean; readonly: boolean }>(
    "select pg_catalog.pg_is_in_recovery() as standby, pg_catalog.current_setting('transaction_read_only') = 'on' as readonly",
  );
  const [state] = rows;
  if (state !== undefined && !state.standby && (target === 'primary' || !state.readonly)) return;
  throw new LamplighterError(
    'CONNECTION_REFUSED',
    `The server at ${place} is not the kind that target_session_attrs=${target} asks for`,
  );
}
