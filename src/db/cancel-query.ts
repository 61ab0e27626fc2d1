import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Client } from 'pg';
import { attemptsFor } from './connection/connect-attempts.ts';
import type { ConnectionSettings } from './connection/connection-settings.ts';
import { createDriverClient } from './connection/driver-client.ts';

/** How long the server may take to be reached for it. */
const CANCEL_MS = 1_000;

/** What a server hands out at login, and whoever knows it can cancel what that session runs. */
export interface BackendKey {
  readonly processId: number;
  readonly secretKey: number;
}

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
 * Asks the server to break off what another client runs, over a connection of its own; resolves when it was asked (true), or could not be
 * within 1 s. Never rejects: who asks has given the answer up anyway.
 *
 * @param twin - a client to the same address that has not connected.
 * @param whose - the key, or the client that has it; one that never logged in has none.
 */
export async function cancelQuery(twin: Client, whose: BackendKey | Client): Promise<boolean> {
  const key = 'connection' in whose ? keyOf(whose) : whose;
  if (key === undefined) return false;
  const connection = (twin as unknown as { connection: CancelConnection }).connection;
  let wasAsked = false;
  const ask = () => {
    connection.cancel(key.processId, key.secretKey);
    wasAsked = true;
  };
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
  return wasAsked;
}

/** The key of a client that has logged in. */
export function keyOf(client: Client): BackendKey | undefined {
  // The driver sets them at login; its type declarations leave them out.
  const { processID, secretKey } = client as unknown as { processID: number | null; secretKey: number };
  return processID === null ? undefined : { processId: processID, secretKey };
}

/**
 * Cancels by key the statement of a session, which another process may have opened. It needs no right, no login and no free connection. It
 * asks every host of the settings, because only the host of that session accepts the key. Resolves within some seconds, when all were
 * asked, without saying whether a statement was cancelled. Never rejects.
 */
export async function sendCancel(settings: ConnectionSettings, key: BackendKey): Promise<void> {
  const asked = new Set<unknown>();
  for (const { address, encryption } of attemptsFor(settings)) {
    if (asked.has(address)) continue;
    if (await cancelQuery(createDriverClient(settings, address, encryption), key)) asked.add(address);
  }
}
