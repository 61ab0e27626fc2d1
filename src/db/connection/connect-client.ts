import { LamplighterError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { cancelQuery } from '../cancel-query.ts';
import type { Queryable } from '../query.ts';
import { createSession, type Session } from '../session.ts';
import { type ConnectAttempt, connectInTurn, logIn } from './connect-attempts.ts';
import type { ConnectionSettings, TargetSession } from './connection-settings.ts';
import { describeConnection } from './connection-text.ts';
import { createDriverClient } from './driver-client.ts';

export interface ConnectOptions {
  /** Wins over what the settings say. @default the settings' name, else 'lamplighter' */
  readonly applicationName?: string;
  /** Longest wait for the answer to one query; see {@link Session}. @default unbounded */
  readonly queryTimeoutMs?: number;
  /** Gives up connecting; the session itself is not bound to it. */
  readonly signal?: AbortSignal;
  readonly log?: Logger;
}

/**
 * Opens a session: each host in turn, encrypted as `sslmode` says, until one answers and is of the wanted kind. The startup packet holds
 * user, database, application_name and client_encoding, nothing else.
 *
 * @throws LamplighterError of the last attempt, e.g. CONNECTION_REFUSED, AUTHENTICATION_FAILED, TLS_FAILED; ABORTED on the signal.
 */
export function connectClient(settings: ConnectionSettings, options: ConnectOptions = {}): Promise<Session> {
  return connectInTurn(settings, (attempt) => open(settings, attempt, options));
}

async function open(
  settings: ConnectionSettings,
  { address, encryption }: ConnectAttempt,
  options: ConnectOptions,
): Promise<Session> {
  const { signal, queryTimeoutMs } = options;
  const { targetSession = 'any' } = settings;
  const place = describeConnection({ ...settings, ...address, fallbackHosts: [] });
  if (signal?.aborted === true) throw new LamplighterError('ABORTED', `Gave up connecting to ${place}`);
  const client = createDriverClient(settings, address, encryption, options);
  // Before connecting: the server may end a session in the same packet that opens it.
  const cancel = async () => {
    await cancelQuery(createDriverClient(settings, address, encryption), client);
  };
  const session = createSession(client, { place, queryTimeoutMs, cancel });
  session.onNotice((message) => options.log?.debug({ notice: message }, 'notice from the server'));
  try {
    const check = targetSession === 'any' ? undefined : () => demandTarget(session, targetSession, place);
    await logIn(client, { settings, address, place, signal, check });
    return session;
  } catch (error) {
    session.destroy();
    throw error;
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
