import { createServer, type Server, type Socket } from 'node:net';
import process from 'node:process';
import { expect, test } from 'vitest';
import { LamplighterError } from '../../core/errors.ts';
import { connectClient } from './connect-client.ts';
import { toConnectError } from './connect-error.ts';
import type { ConnectionSettings } from './connection-settings.ts';

const SETTINGS: ConnectionSettings = {
  host: 'db.example',
  port: 5432,
  database: 'shop',
  user: 'bob',
  password: 's3cret',
  passwordOrigin: 'PGPASSWORD',
};
const fromServer = (code: string, message: string) => Object.assign(new Error(message), { code, severity: 'FATAL' });
const fromNode = (code: string) => Object.assign(new Error(`connect ${code}`), { code });

test('where nothing named a database, the error says so and how to name one', () => {
  const error = toConnectError(fromNode('ECONNREFUSED'), { ...SETTINGS, origin: 'default' }, SETTINGS);
  expect(error).toMatchObject({
    code: 'CONNECTION_REFUSED',
    message: 'No database was named, and there is none by default: nothing listens at db.example:5432',
    hint: 'Name one with --uri, DATABASE_URL or PGHOST; "lamplighter up" starts one.',
  });
});

test.each([
  [
    fromServer('28P01', 'password authentication failed'),
    'AUTHENTICATION_FAILED',
    'password of role "bob" (from PGPASSWORD)',
  ],
  [fromServer('28000', 'role "bob" does not exist'), 'AUTHENTICATION_FAILED', 'role "bob" does not exist'],
  [fromServer('3D000', 'database "shop" does not exist'), 'DATABASE_NOT_FOUND', 'has no database "shop"'],
  [fromServer('42501', 'permission denied'), 'PERMISSION_DENIED', 'may not connect to database "shop"'],
  [fromServer('53300', 'too many clients already'), 'TOO_MANY_CONNECTIONS', 'too many clients already'],
  [fromServer('57P03', 'the database system is starting up'), 'CONNECTION_REFUSED', 'starting up'],
  [fromNode('ECONNREFUSED'), 'CONNECTION_REFUSED', 'Nothing listens at db.example:5432'],
  [fromNode('ENOTFOUND'), 'CONNECTION_REFUSED', 'does not resolve'],
  [fromNode('ENOENT'), 'CONNECTION_REFUSED', 'no server socket'],
  [fromNode('EHOSTUNREACH'), 'CONNECTION_REFUSED', 'No way to db.example:5432'],
  [fromNode('SELF_SIGNED_CERT_IN_CHAIN'), 'TLS_FAILED', 'No encrypted connection'],
  [fromNode('CERT_HAS_EXPIRED'), 'TLS_FAILED', 'has expired'],
  [fromNode('CERT_NOT_YET_VALID'), 'TLS_FAILED', 'is not valid yet'],
  [fromNode('ERR_TLS_CERT_ALTNAME_INVALID'), 'TLS_FAILED', 'is for another name'],
  [new Error('Connection terminated unexpectedly'), 'CONNECTION_REFUSED', 'broke before the login was over'],
])('%s becomes %s', (cause, code, part) => {
  const error = toConnectError(cause, SETTINGS, SETTINGS);
  expect(error).toMatchObject({ code, cause });
  expect(error.message).toContain(part);
  expect(`${error.message} ${error.hint}`).not.toContain('s3cret');
});

test('an error of ours passes as it is', () => {
  const ours = new LamplighterError('ABORTED', 'x');
  expect(toConnectError(ours, SETTINGS, SETTINGS)).toBe(ours);
});

/** A server that answers the first packet of each connection as told, and counts the connections. */
async function listen(
  answer: (socket: Socket, packet: Buffer) => void,
): Promise<AsyncDisposable & { port: number; connections: () => number }> {
  let count = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    count += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', (packet) => answer(socket, packet));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    connections: () => count,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const at = (port: number, extra: Partial<ConnectionSettings> = {}): ConnectionSettings => ({
  ...SETTINGS,
  host: '127.0.0.1',
  port,
  connectTimeoutMs: 5_000,
  ...extra,
});
const tls = (mode: 'prefer' | 'require') => ({
  mode,
  negotiation: 'postgres' as const,
  options: { rejectUnauthorized: false },
});

test('a server without TLS is said to be one when encryption is demanded', async () => {
  await using server = await listen((socket) => socket.write('N'));
  await expect(connectClient(at(server.port, { tls: tls('require') }))).rejects.toMatchObject({
    code: 'TLS_FAILED',
    message: expect.stringContaining('does not offer encrypted connections'),
  });
  expect(server.connections()).toBe(1);
});

test('prefer falls back to a plain connection when the server has no TLS', async () => {
  const packets: Buffer[] = [];
  await using server = await listen((socket, packet) => {
    packets.push(packet);
    if (packet.equals(SSL_REQUEST)) socket.write('N');
    else socket.destroy();
  });
  await expect(connectClient(at(server.port, { tls: tls('prefer') }))).rejects.toMatchObject({
    code: 'CONNECTION_REFUSED',
    message: expect.stringContaining('broke before the login was over'),
  });
  expect(packets.map((packet) => packet.equals(SSL_REQUEST))).toEqual([true, false]);
});

test('the startup packet holds four parameters, whatever the environment says', async () => {
  process.env['PGOPTIONS'] = '-c x=y';
  let startup = '';
  await using server = await listen((socket, packet) => {
    startup = packet.subarray(8).toString('latin1');
    socket.destroy();
  });
  await connectClient(at(server.port)).catch(() => undefined);
  delete process.env['PGOPTIONS'];
  expect(
    startup
      .split('\0')
      .filter((_, i) => i % 2 === 0)
      .filter((name) => name !== ''),
  ).toEqual(['user', 'database', 'application_name', 'client_encoding']);
});

test('a server that never answers is given up on after the timeout', async () => {
  await using server = await listen(() => undefined);
  await expect(connectClient(at(server.port, { connectTimeoutMs: 50 }))).rejects.toMatchObject({
    code: 'CONNECTION_REFUSED',
    message: expect.stringContaining('did not answer within 0.05 s'),
  });
});

test('an aborted signal ends connecting, before and during', async () => {
  await using server = await listen(() => controller.abort());
  const controller = new AbortController();
  await expect(connectClient(at(server.port), { signal: controller.signal })).rejects.toMatchObject({
    code: 'ABORTED',
  });
  await expect(connectClient(at(server.port), { signal: controller.signal })).rejects.toMatchObject({
    code: 'ABORTED',
  });
  expect(server.connections()).toBe(1);
});

test('a host that cannot be used leads to the next, and the last failure is told', async () => {
  await using first = await listen((socket) => socket.destroy());
  await using second = await listen((socket) => socket.destroy());
  const settings = at(first.port, { fallbackHosts: [{ host: '127.0.0.1', port: second.port }] });
  await expect(connectClient(settings)).rejects.toThrow(`127.0.0.1:${second.port}`);
  expect([first.connections(), second.connections()]).toEqual([1, 1]);
});

test('a demand for a password that nobody gave says where to put one', async () => {
  await using server = await listen((socket) => socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3])));
  const { password, ...settings } = at(server.port);
  expect(password).toBeDefined();
  await expect(connectClient(settings)).rejects.toMatchObject({
    code: 'AUTHENTICATION_FAILED',
    message: expect.stringContaining('none was given'),
    hint: expect.stringContaining('PGPASSWORD'),
  });
});

test('channel_binding=require gives nothing away to a server that asks for the password in clear', async () => {
  let received = Buffer.alloc(0);
  await using server = await listen((socket) => {
    socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
    socket.on('data', (more) => {
      received = Buffer.concat([received, more]);
    });
  });
  await expect(connectClient(at(server.port, { mustBindChannel: true }))).rejects.toMatchObject({
    code: 'AUTHENTICATION_FAILED',
  });
  expect(received.toString()).not.toContain('s3cret');
});
