import { LamplighterError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { cancelQuery } from '../cancel-query.ts';
import { type ConnectAttempt, connectInTurn, logIn } from '../connection/connect-attempts.ts';
import type { ConnectionSettings } from '../connection/connection-settings.ts';
import { describeConnection, describeHost } from '../connection/connection-text.ts';
import { createDriverClient } from '../connection/driver-client.ts';
import { readTaskSessionFacts, type TaskSessionFacts } from './task-session-facts.ts';
import { acceptedSettings, noteRefusal, settingsToSet, toStartupOptions } from './task-session-settings.ts';
import { createTextExchange, type TextExchange } from './text-exchange.ts';

/** A connection for one text of a user's, logged in as that user. One thing at a time. */
export interface TaskSession extends Omit<TextExchange, 'key' | 'takeOver'> {
  readonly facts: TaskSessionFacts;
  /** `user@host:port/database`. */
  readonly place: string;
  /** Asks the server, over a connection of its own, to break off what runs. Never rejects. */
  cancel(): Promise<void>;
}

export interface TaskSessionOptions {
  /** @default 'lamplighter task' */
  readonly applicationName?: string;
  /** Longest wait for the answer to one statement of ours. @default 30000 */
  readonly queryTimeoutMs?: number;
  /** Gives up connecting; the session itself is not bound to it. */
  readonly signal?: AbortSignal;
  /** Gets notices, at debug. */
  readonly log?: Logger;
}

/**
 * Opens a session for a text of the role in `settings`: its timeouts are off, and the server ends it within seconds of the end of this
 * process, even if the text resets all settings. Goes on to the next host where one is a standby.
 *
 * @throws LamplighterError as `connectClient`; CONNECTION_REFUSED for a transaction pooler as well.
 */
export async function openTaskSession(
  settings: ConnectionSettings,
  options: TaskSessionOptions = {},
): Promise<TaskSession> {
  const session = await connectInTurn(settings, (attempt) => openWithSettings(settings, attempt, options));
  if (session.facts.isDirect || (await isSameServerSessionKept(session, settings, options))) return session;
  await session.end();
  throw new LamplighterError(
    'CONNECTION_REFUSED',
    `A transaction pooler is in front of the server at ${describeHost(settings)}, where a task has no session of its own: the worker needs ` +
      'the address of the server itself, by --direct-uri',
  );
}

/**
 * Whether the session keeps its server process, as `detectRoute` finds out: behind a pooler, two clients that show one process at a time
 * share it.
 */
async function isSameServerSessionKept(
  session: TaskSession,
  settings: ConnectionSettings,
  options: TaskSessionOptions,
): Promise<boolean> {
  const ROUNDS = 3;
  const probe = await connectInTurn(settings, (attempt) => openWithSettings(settings, attempt, options));
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const [other, own] = [await pidOf(probe), await pidOf(session)];
      if (own === other || own !== String(session.facts.pid)) return false;
    }
    return true;
  } finally {
    await probe.end();
  }
}

async function pidOf(session: TaskSession): Promise<string | undefined> {
  const [row] = await session.query('select pg_catalog.pg_backend_pid() as pid');
  return row?.['pid'];
}

/** Logs in with every setting that the server is not known to refuse, each refusal costing one try. */
async function openWithSettings(
  settings: ConnectionSettings,
  attempt: ConnectAttempt,
  options: TaskSessionOptions,
): Promise<TaskSession> {
  for (;;) {
    const accepted = acceptedSettings(attempt.address);
    try {
      return await open(settings, attempt, options, toStartupOptions(accepted));
    } catch (error) {
      if (!noteRefusal(attempt.address, accepted, error)) throw error;
    }
  }
}

async function open(
  settings: ConnectionSettings,
  { address, encryption }: ConnectAttempt,
  options: TaskSessionOptions,
  startupOptions: string | undefined,
): Promise<TaskSession> {
  const { applicationName = 'lamplighter task', queryTimeoutMs = 30_000, signal, log } = options;
  const place = describeConnection({ ...settings, ...address, fallbackHosts: [] });
  if (signal?.aborted === true) throw new LamplighterError('ABORTED', `Gave up connecting to ${place}`);
  const client = createDriverClient(settings, address, encryption, { applicationName, startupOptions });
  const exchange = createTextExchange(client, { place, queryTimeoutMs, log });
  let facts: TaskSessionFacts | undefined;
  const check = async () => {
    exchange.takeOver();
    facts = await readTaskSessionFacts(exchange);
    if (facts.isStandby) throw new LamplighterError('CONNECTION_REFUSED', `The server at ${place} is a standby`);
    for (const { name, value } of settingsToSet(address, facts.serverVersion)) {
      await exchange.query(`set ${name} = '${value}'`).catch((error: unknown) => {
        if (!exchange.isOpen) throw error;
        log?.debug({ err: error }, 'the server refuses a setting for tasks');
      });
    }
  };
  try {
    await logIn(client, { settings, address, place, signal, check });
  } catch (error) {
    exchange.destroy();
    throw error;
  }
  if (facts === undefined) throw new LamplighterError('CONNECTION_LOST', `The connection to ${place} was lost`);
  return toSession(exchange, facts, place, async () => {
    await cancelQuery(createDriverClient(settings, address, encryption), client);
  });
}

function toSession(
  exchange: TextExchange,
  facts: TaskSessionFacts,
  place: string,
  cancel: () => Promise<void>,
): TaskSession {
  return {
    facts,
    place,
    get isOpen() {
      return exchange.isOpen;
    },
    parameter: exchange.parameter,
    query: exchange.query,
    queryAll: exchange.queryAll,
    run: exchange.run,
    cancel,
    onClose: exchange.onClose,
    end: exchange.end,
    destroy: exchange.destroy,
  };
}
