import type { Duplex } from 'node:stream';
import type { Client } from 'pg';
import { LamplighterError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { type BackendKey, keyOf } from '../cancel-query.ts';
import { createMessageReader, readCString, readDataRow, readRowDescription } from './backend-messages.ts';
import { readServerError, ServerError } from './server-error.ts';

/** How long a session may take to say goodbye before its socket is cut. */
const GOODBYE_MS = 2_000;

const COPY_REFUSAL = 'COPY not supported';
const TRANSACTIONS: Readonly<Record<string, TextTransaction>> = { I: 'none', T: 'open', E: 'failed' };

/** The driver's connection as a writer of messages; its type declarations have too little, or ask for too much. */
interface MessageWriter {
  readonly stream: Duplex;
  query(text: string): void;
  parse(statement: { text: string }): void;
  bind(values: { values: (string | Buffer | null)[] }): void;
  describe(what: { type: 'P' }): void;
  execute(portal: object): void;
  sync(): void;
  end(): void;
  sendCopyFail(message: string): void;
}

/** What waits for an answer: gets messages up to the one that says that the server is ready, or that the connection is gone. */
interface Exchange {
  onMessage(type: string, body: Buffer): void;
  onError(error: ServerError): void;
  onReady(transaction: TextTransaction): void;
  onGone(): void;
}

/** How one text ended on the server. */
export type TextEnd =
  /** The text ended without an error; `commandTag` and `rowCount` are those of its last statement, absent where it had none. */
  | {
      readonly kind: 'done';
      readonly commandTag?: string;
      readonly rowCount?: number;
      readonly transaction: TextTransaction;
    }
  /** A statement failed, and the session lives. */
  | { readonly kind: 'error'; readonly error: ServerError; readonly transaction: TextTransaction }
  /** The text wanted to read from the client, or write to it. What comes after it in the text may have run. */
  | { readonly kind: 'copy'; readonly transaction: TextTransaction }
  /** The connection ended without an answer; `fatal` is what the server said before, if it did. */
  | { readonly kind: 'lost'; readonly fatal?: ServerError; readonly cause?: Error };

/** `failed`: it can only roll back. */
export type TextTransaction = 'none' | 'open' | 'failed';

export type TextRow = Readonly<Record<string, string | undefined>>;

/** A statement of ours. */
export interface OwnStatement {
  readonly text: string;
  readonly params?: readonly (string | Buffer | undefined)[];
}

/** The protocol of a session that runs texts of users, read by ourselves: the driver would keep every row, and drop half of an error. */
export interface TextExchange {
  readonly isOpen: boolean;
  readonly key: BackendKey | undefined;
  /** Takes the messages of the session from the login on. */
  takeOver(): void;
  /** What the server last said of a setting that it reports, such as `standard_conforming_strings`. */
  parameter(name: string): string | undefined;
  /**
   * Runs a statement of ours, with parameters that never show in `pg_stat_activity`; values come as text.
   *
   * @param options.isUnbounded no limit to the wait: for what may have to wait for others' transactions. @default false
   * @throws ServerError; LamplighterError CONNECTION_LOST, also when there is no answer in time, as the session is cut then.
   */
  query(
    text: string,
    params?: readonly (string | Buffer | undefined)[],
    options?: { readonly isUnbounded?: boolean },
  ): Promise<readonly TextRow[]>;
  /** The same for several statements in one go, which cost one way to the server and back; after one that fails, none runs. */
  queryAll(
    statements: readonly OwnStatement[],
    options?: { readonly isUnbounded?: boolean },
  ): Promise<readonly (readonly TextRow[])[]>;
  /** Runs a whole text in the simple protocol, for as long as it takes. Rows are counted and thrown away as they come. Never rejects. */
  run(text: string): Promise<TextEnd>;
  /** Called once, when the connection is gone; at once if it is gone already. */
  onClose(listener: () => void): void;
  /** Says goodbye and waits until the connection is gone, at most 2 s; safe to call repeatedly. */
  end(): Promise<void>;
  /** Cuts the connection now; what runs ends `lost`. */
  destroy(reason?: Error): void;
}

export interface TextExchangeOptions {
  readonly place: string;
  readonly queryTimeoutMs: number;
  readonly log?: Logger | undefined;
}

/** Takes over a client that has not connected yet; from here on nothing that happens to it can end the process. */
export function createTextExchange(client: Client, { place, queryTimeoutMs, log }: TextExchangeOptions): TextExchange {
  // Reads as the driver does during the login, since the first message after it may come in the same packet.
  const reader = createMessageReader(onMessage);
  const connection = client.connection;
  const writer = connection as unknown as MessageWriter;
  const parameters = new Map<string, string>();
  const closeListeners: (() => void)[] = [];
  let driverListeners: ((chunk: Buffer) => void)[] = [];
  let current: Exchange | undefined;
  let fatal: ServerError | undefined;
  let failure: Error | undefined;
  let isOpen = true;
  let isGone = false;
  let goodbye: Promise<void> | undefined;

  const read = () => {
    driverListeners = writer.stream.listeners('data') as typeof driverListeners;
    writer.stream.on('data', (chunk: Buffer) => {
      try {
        reader.feed(chunk);
      } catch (error) {
        // What is no message of a server ends the session, not the process.
        destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
  };
  const isEncrypted = (connection as unknown as { readonly ssl: unknown }).ssl !== false;
  connection.once(isEncrypted ? 'sslconnect' : 'connect', read);
  client.on('error', (error) => {
    failure ??= error;
    isOpen = false;
  });
  const closed = new Promise<void>((resolve) => {
    connection.once('end', () => {
      isOpen = false;
      isGone = true;
      const exchange = current;
      current = undefined;
      exchange?.onGone();
      resolve();
      for (const listener of closeListeners.splice(0)) listener();
    });
  });

  function onMessage(type: string, body: Buffer, cutBytes?: number): void {
    if (type === 'S') {
      const name = readCString(body, 0);
      parameters.set(name.text.toString(), readCString(body, name.next).text.toString());
    } else if (type === 'N') {
      if (log?.isLevelEnabled('debug') !== true) return;
      const { localSeverity, message } = readServerError(body, encoding());
      log.debug({ notice: message, severity: localSeverity }, 'notice of a task');
    } else if (type === 'Z') {
      const exchange = current;
      current = undefined;
      exchange?.onReady(TRANSACTIONS[body.toString('latin1')] ?? 'failed');
    } else if (type === 'E') {
      const error = new ServerError(readServerError(body, encoding(), cutBytes));
      if (error.isFatal) fatal = error;
      current?.onError(error);
    } else current?.onMessage(type, body);
  }

  const encoding = () => parameters.get('client_encoding') ?? 'UTF8';

  const destroy = (reason?: Error) => {
    failure ??= reason;
    isOpen = false;
    writer.stream.destroy(reason);
  };

  const lost = () => {
    const cause = fatal ?? failure;
    const reason = cause === undefined ? '' : `: ${cause.message}`;
    return new LamplighterError('CONNECTION_LOST', `The connection to ${place} was lost${reason}`, { cause });
  };

  function begin(exchange: Exchange, keepsRows: boolean): boolean {
    if (current !== undefined) throw new Error('a session for a task does one thing at a time');
    if (!isOpen || !writer.stream.writable) return false;
    reader.keepsRows = keepsRows;
    current = exchange;
    return true;
  }

  function queryAll(
    statements: readonly OwnStatement[],
    { isUnbounded = false }: { readonly isUnbounded?: boolean } = {},
  ): Promise<readonly (readonly TextRow[])[]> {
    return new Promise((resolve, reject) => {
      const results: TextRow[][] = [];
      let rows: TextRow[] = [];
      let names: string[] = [];
      let error: ServerError | undefined;
      const onLate = () => destroy(new Error(`no answer within ${queryTimeoutMs / 1_000} s`));
      const timer = isUnbounded ? undefined : setTimeout(onLate, queryTimeoutMs);
      const isSent = begin(
        {
          onMessage(type, body) {
            if (type === 'T') names = readRowDescription(body);
            else if (type === 'D') {
              const values = readDataRow(body);
              rows.push(Object.fromEntries(names.map((name, i) => [name, values[i]])));
            } else if (type === 'C') {
              results.push(rows);
              rows = [];
            }
          },
          onError(given) {
            error ??= given;
          },
          onReady() {
            clearTimeout(timer);
            if (error === undefined) resolve(results);
            else reject(error);
          },
          onGone() {
            clearTimeout(timer);
            reject(lost());
          },
        },
        true,
      );
      if (!isSent) {
        clearTimeout(timer);
        reject(lost());
        return;
      }
      for (const { text, params = [] } of statements) {
        writer.parse({ text });
        writer.bind({ values: params.map((value) => value ?? null) });
        writer.describe({ type: 'P' });
        writer.execute({});
      }
      writer.sync();
    });
  }

  function run(text: string): Promise<TextEnd> {
    return new Promise((resolve) => {
      let commandTag: string | undefined;
      let rowsOfStatement: number | undefined;
      let rowCount: number | undefined;
      let error: ServerError | undefined;
      let wantedCopy = false;
      const gone = (): TextEnd => ({
        kind: 'lost',
        ...(fatal === undefined ? {} : { fatal }),
        ...(failure === undefined ? {} : { cause: failure }),
      });
      const isSent = begin(
        {
          onMessage(type, body) {
            if (type === 'D') rowsOfStatement = (rowsOfStatement ?? 0) + 1;
            else if (type === 'T') rowsOfStatement = 0;
            else if (type === 'C') {
              commandTag = readCString(body, 0).text.toString();
              rowCount = rowCountOf(commandTag) ?? rowsOfStatement;
              rowsOfStatement = undefined;
            } else if (type === 'G' || type === 'H') {
              wantedCopy = true;
              if (type === 'G') writer.sendCopyFail(COPY_REFUSAL);
            }
          },
          onError(given) {
            error ??= given;
          },
          onReady(transaction) {
            if (wantedCopy) resolve({ kind: 'copy', transaction });
            else if (error !== undefined) resolve({ kind: 'error', error, transaction });
            else {
              const tag = commandTag === undefined ? {} : { commandTag };
              resolve({ kind: 'done', ...tag, ...(rowCount === undefined ? {} : { rowCount }), transaction });
            }
          },
          onGone: () => resolve(gone()),
        },
        false,
      );
      if (isSent) writer.query(text);
      else resolve(gone());
    });
  }

  return {
    get isOpen() {
      return isOpen;
    },
    get key() {
      return keyOf(client);
    },
    takeOver() {
      for (const listener of driverListeners) writer.stream.off('data', listener);
    },
    parameter: (name) => parameters.get(name),
    queryAll,
    query: async (text, params = [], options = {}) => (await queryAll([{ text, params }], options))[0] ?? [],
    run,
    onClose(listener) {
      if (isGone) listener();
      else closeListeners.push(listener);
    },
    end() {
      goodbye ??= (async () => {
        const timer = setTimeout(() => destroy(), GOODBYE_MS);
        isOpen = false;
        writer.end();
        await closed;
        clearTimeout(timer);
      })();
      return goodbye;
    },
    destroy,
  };
}

/** The number at the end of a command tag, such as `INSERT 0 5`. */
function rowCountOf(commandTag: string): number | undefined {
  const digits = /^(?:SELECT|INSERT \d+|UPDATE|DELETE|MERGE|MOVE|FETCH|COPY) (\d+)$/.exec(commandTag)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
