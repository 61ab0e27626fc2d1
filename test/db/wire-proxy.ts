import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { ConnectionSettings } from '../../src/db/connection/connection-settings.ts';

const NOTIFICATION = 'A'.charCodeAt(0);

export interface Proxy extends AsyncDisposable {
  /** Leads through the proxy, unencrypted. */
  readonly settings: ConnectionSettings;
  /** While true, NotificationResponse messages of the server get lost. */
  dropsNotifications: boolean;
  /** From now on nothing passes on the connections that are open, and they stay open. */
  freezeOpenConnections(): void;
}

/** Stands between a client and the server of `target`, and misbehaves when told to. */
export async function startProxy(
  { tls: _, ...target }: ConnectionSettings,
  { dropsNotifications = false }: { dropsNotifications?: boolean } = {},
): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target.port, target.host);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined);
      from.once('close', () => {
        sockets.delete(from);
        if (!frozen.has(to)) to.destroy();
      });
    }
    client.on('data', (chunk) => frozen.has(client) || upstream.write(chunk));
    const filter = createFilter();
    upstream.on('data', (chunk) => frozen.has(client) || client.write(filter(chunk, proxy.dropsNotifications)));
  }).listen(0, '127.0.0.1');
  const frozen = new Set<Socket>();
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  const proxy: Proxy = {
    settings: { ...target, host: '127.0.0.1', port },
    dropsNotifications,
    freezeOpenConnections() {
      for (const socket of sockets) frozen.add(socket);
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}

/** Cuts the server's stream into messages (type, length, body) and leaves out notifications. */
function createFilter(): (chunk: Buffer, isDropping: boolean) => Buffer {
  let rest = Buffer.alloc(0);
  return (chunk, isDropping) => {
    rest = Buffer.concat([rest, chunk]);
    const passed: Buffer[] = [];
    while (rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
      const end = 1 + rest.readInt32BE(1);
      if (!isDropping || rest[0] !== NOTIFICATION) passed.push(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
    return Buffer.concat(passed);
  };
}
