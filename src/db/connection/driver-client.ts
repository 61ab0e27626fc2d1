import { Socket } from 'node:net';
import { Client } from 'pg';
import { LamplighterError } from '../../core/errors.ts';
import type { ConnectionSettings, HostAddress } from './connection-settings.ts';
import { describeHost } from './connection-text.ts';
import type { Encryption } from './tls.ts';

const KEEPALIVE_MS = 30_000;
/** Node gives each address of a name 250 ms by default, which a server on another continent misses. */
const PER_ADDRESS_MS = 3_000;

export interface DriverClientOptions {
  /** @default the settings' name, else 'lamplighter' */
  readonly applicationName?: string;
  /** Settings of the session in the startup packet, which poolers refuse: `-c name=value`. */
  readonly startupOptions?: string | undefined;
}

/** A client of the driver that has not connected yet; nothing of the process environment gets into it. */
export function createDriverClient(
  settings: ConnectionSettings,
  address: HostAddress,
  encryption: Encryption,
  options: DriverClientOptions = {},
): Client {
  const { tls, user, database, mustBindChannel = false } = settings;
  const { applicationName = settings.applicationName ?? 'lamplighter', startupOptions } = options;
  const client = new Client({
    host: address.host,
    port: address.port,
    user,
    database,
    // A function, so that the driver does not look into PGPASSWORD and the passfile on its own.
    password: () => demandPassword(settings, address),
    application_name: applicationName,
    ssl: encryption === 'tls' ? { ...tls?.options } : false,
    sslnegotiation: encryption === 'tls' ? (tls?.negotiation ?? 'postgres') : 'postgres',
    enableChannelBinding: mustBindChannel,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
    stream: () => createSocket(address.hostaddr),
  });
  // The driver fills these in from PGOPTIONS and PGREPLICATION; its type declarations leave the object out.
  const { connectionParameters } = client as unknown as { connectionParameters: Record<string, unknown> };
  connectionParameters['options'] = startupOptions;
  connectionParameters['replication'] = undefined;
  return client;
}

function createSocket(hostaddr: string | undefined): Socket {
  const socket = new Socket();
  const connect = socket.connect.bind(socket);
  // The driver calls connect(port, host) or connect(path), and offers no other way to set socket options.
  socket.connect = ((where: number | string, host?: string) =>
    typeof where === 'string'
      ? connect(where)
      : connect({
          port: where,
          host: hostaddr ?? host ?? 'localhost',
          autoSelectFamilyAttemptTimeout: PER_ADDRESS_MS,
        })) as Socket['connect'];
  return socket;
}

function demandPassword({ user }: ConnectionSettings, address: HostAddress): string {
  if (address.password !== undefined) return address.password;
  throw new LamplighterError(
    'AUTHENTICATION_FAILED',
    `The server at ${describeHost(address)} asks for a password for role "${user}", and none was given`,
    { hint: 'Put it in the URI, in PGPASSWORD or in ~/.pgpass.' },
  );
}

/** Tells after the login whether it was SCRAM with channel binding; anything weaker is cut off before it gets an answer. */
export function watchChannelBinding(client: Client, place: string): () => boolean {
  let isBound = false;
  const refuse = () => {
    client.connection.stream.destroy(channelNotBound(place));
  };
  client.connection.prependListener('authenticationSASL', ({ mechanisms }: { mechanisms: string[] }) => {
    isBound = mechanisms.includes('SCRAM-SHA-256-PLUS') && 'getPeerCertificate' in client.connection.stream;
    if (!isBound) refuse();
  });
  client.connection.prependListener('authenticationCleartextPassword', refuse);
  client.connection.prependListener('authenticationMD5Password', refuse);
  return () => isBound;
}

/** The error for a server, or a proxy, that offers no login bound to the TLS connection. */
export function channelNotBound(place: string): LamplighterError {
  return new LamplighterError(
    'AUTHENTICATION_FAILED',
    `The server at ${place} did not bind the login to the TLS connection`,
    { hint: 'Remove channel_binding=require if there is a proxy in between on purpose.' },
  );
}
