import type { Client } from 'pg';
import { LamplighterError } from '../core/errors.ts';
import type { Queryable } from './query.ts';
import { sqlStateOf } from './sqlstate.ts';

/** How long a session may take to say goodbye before its socket is cut. */
const GOODBYE_MS = 2_000;

const TRANSACTION_STATES = { I: 'none', T: 'open', E: 'failed' } as const;

export interface Notification {
  readonly channel: string;
  readonly payload: string;
}

/** `failed`: a statement failed inside the transaction, which can only roll back; `unknown`: a query runs, or nothing was heard yet. */
export type TransactionState = 'none' | 'open' | 'failed' | 'unknown';

/** One connection to one server. Its queries run one after the other; when it breaks, every later query fails with CONNECTION_LOST. */
export interface Session extends Queryable {
  /** What the server, or the pooler in front of it, gave as the process id at login. */
  readonly processId: number | undefined;
  readonly isOpen: boolean;
  readonly transaction: TransactionState;
  onNotification(listener: (notification: Notification) => void): void;
  onNotice(listener: (message: string) => void): void;
  /** Called once, when the connection is gone for whatever reason; at once if it is gone already. */
  onClose(listener: (reason: Error | undefined) => void): void;
  /** Says goodbye and waits until the connection is gone, at most 2 s; safe to call repeatedly. */
  end(): Promise<void>;
  /** Cuts the connection now; a running query fails with CONNECTION_LOST. The server goes on with it, unless {@link cancel} came before. */
  destroy(reason?: Error): void;
  /** Asks the server to break off what runs, over a connection of its own; never rejects, and takes at most some seconds. */
  cancel(): Promise<void>;
}

export interface SessionOptions {
  /** The place in messages: `user@host:port/database`. */
  readonly place: string;
  /** Longest wait for the answer to one query; the session is cut then, as its state is unknown. @default unbounded */
  readonly queryTimeoutMs?: number | undefined;
  /** Asks the server to break off what runs, before a session is cut that has waited too long; never rejects. @default only cut */
  readonly cancel?: (() => Promise<void>) | undefined;
}

/** Wraps a client, best before it connects: from here on nothing that happens to the client can end the process. */
export function createSession(client: Client, { place, queryTimeoutMs, cancel }: SessionOptions): Session {
  const closeListeners: ((reason: Error | undefined) => void)[] = [];
  let failure: Error | undefined;
  let isOpen = true;
  let isGone = false;
  let state: TransactionState = 'unknown';
  let onReady: (() => void) | undefined;
  let lastQuery: Promise<unknown> = Promise.resolve();
  let goodbye: Promise<void> | undefined;

  client.on('error', (error) => {
    failure ??= error;
    isOpen = false;
  });
  const closed = new Promise<void>((resolve) => {
    client.on('end', () => {
      isOpen = false;
      isGone = true;
      onReady?.();
      resolve();
      for (const listener of closeListeners.splice(0)) listener(failure);
    });
  });

  client.connection.on('readyForQuery', ({ status }: { status: keyof typeof TRANSACTION_STATES }) => {
    state = TRANSACTION_STATES[status];
    onReady?.();
  });
  /** A query fails before the server says what became of its transaction. */
  const ready = () =>
    new Promise<void>((resolve) => {
      onReady = resolve;
      if (state !== 'unknown' || isGone) resolve();
    });

  const destroy = (reason?: Error) => {
    failure ??= reason;
    isOpen = false;
    client.connection.stream.destroy(reason);
  };

  /** Cut off only, a statement would go on: it would keep its locks and a place on the server, and the same again would wait for it. */
  async function giveUp(waitedMs: number): Promise<void> {
    failure ??= new Error(`no answer within ${waitedMs / 1_000} s`);
    isOpen = false;
    await cancel?.();
    destroy(failure);
  }

  async function run<Row extends object>(
    text: string,
    params: readonly unknown[] | undefined,
  ): Promise<{ rows: Row[] }> {
    if (!isOpen) throw lost(place, failure);
    let isLate = false;
    const onLate = (waitedMs: number) => {
      isLate = true;
      void giveUp(waitedMs);
    };
    const timer = queryTimeoutMs === undefined ? undefined : setTimeout(onLate, queryTimeoutMs, queryTimeoutMs);
    state = 'unknown';
    try {
      const result = await client.query<Row>(text, params === undefined ? undefined : [...params]);
      // Without parameters a text may hold several statements, and the driver gives one result for each.
      const last: { rows: Row[] } | undefined = Array.isArray(result) ? result.at(-1) : result;
      return { rows: last?.rows ?? [] };
    } catch (error) {
      if (client.connection.stream.writable) await ready();
      const isLost = !isOpen || !client.connection.stream.writable;
      throw isLate || (isLost && sqlStateOf(error) === undefined) ? lost(place, failure ?? error) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    get processId() {
      // The driver sets it at login; its type declarations leave it out.
      return (client as unknown as { readonly processID: number | null }).processID ?? undefined;
    },
    get isOpen() {
      return isOpen;
    },
    get transaction() {
      return state;
    },
    query<Row extends object>(text: string, params?: readonly unknown[]) {
      const result = lastQuery.then(() => run<Row>(text, params));
      // Without its rows, which would else be kept until the next query.
      lastQuery = result.then(noResult, noResult);
      return result;
    },
    onNotification(listener) {
      client.on('notification', ({ channel, payload }) => listener({ channel, payload: payload ?? '' }));
    },
    onNotice(listener) {
      client.on('notice', (notice) => listener(notice.message ?? ''));
    },
    onClose(listener) {
      if (isGone) listener(failure);
      else closeListeners.push(listener);
    },
    end() {
      goodbye ??= (async () => {
        const timer = setTimeout(() => destroy(), GOODBYE_MS);
        isOpen = false;
        client.end().catch(() => undefined); // `closed` tells; a failing goodbye is a goodbye
        await closed;
        clearTimeout(timer);
      })();
      return goodbye;
    },
    destroy,
    async cancel() {
      await cancel?.();
    },
  };
}

function noResult(): void {}

function lost(place: string, cause: unknown): LamplighterError {
  const reason = cause instanceof Error ? `: ${cause.message}` : '';
  return new LamplighterError('CONNECTION_LOST', `The connection to ${place} was lost${reason}`, { cause });
}
