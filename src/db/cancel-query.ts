import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Client } from 'pg';

/** How long the server may take to be reached for it. */
const CANCEL_MS = 1_000;

/** What the driver's connection has besides what its type declarations say. */
interface CancelConnection extends EventEmitter {
  readonly stream: Duplex;
  readonly ssl: unknown;
  readonly sslNegotiation: string;
  connect(portOrPath: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
}

/**
 * Asks the server to break off what the client runs, over a connection of its own; resolves when it was asked, or after 1 s. Never
 * rejects: who asks has given the answer up anyway.
 *
 * @param twin - a client to the same address that has not connected.
 */
export async function cancelQuery(client: Client, twin: Client): Promise<void> {
  const { processID, secretKey } = client as unknown as { processID: number | null; secretKey: number };
  if (processID === null) return;
  const connection = (twin as unknown as { connection: CancelConnection }).connection;
  const ask = () => connection.cancel(processID, secretKey);
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => connection.stream.destroy(), CANCEL_MS);
    const finish = () => {
      clearTimeout(timer);
      connection.stream.destroy();
      resolve();
    };
    // The server answers nothing and closes the connection.
    connection.on('error', finish).on('end', finish);
    if (connection.ssl === false) connection.on('connect', ask);
    else connection.on('sslconnect', ask);
    if (connection.ssl !== false && connection.sslNegotiation !== 'direct') {
      connection.on('connect', () => connection.requestSsl());
    }
    if (twin.host.startsWith('/')) connection.connect(`${twin.host}/.s.PGSQL.${twin.port}`);
    else connection.connect(twin.port, twin.host);
  });
}
