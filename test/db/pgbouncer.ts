import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { connectClient } from '../../src/db/connect-client.ts';
import type { ConnectionSettings } from '../../src/db/connection-settings.ts';
import { eventually } from '../support/eventually.ts';

export const pgbouncer = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
  .map((folder) => join(folder, 'pgbouncer'))
  .find((path) => existsSync(path));

export interface Pooler extends AsyncDisposable {
  readonly settings: ConnectionSettings;
}

/** A PgBouncer of its own in front of the database of `server`; needs {@link pgbouncer}. */
export async function startPgbouncer(server: ConnectionSettings, mode: 'session' | 'transaction'): Promise<Pooler> {
  const folder = await mkdtemp(join(tmpdir(), 'lamplighter-pgbouncer-'));
  await chmod(folder, 0o755); // PgBouncer refuses to run as root and drops to another user
  const port = await freePort();
  const config = join(folder, 'pgbouncer.ini');
  const target = `host=${server.host} port=${server.port} dbname=${server.database} user=${server.user} password=${server.password}`;
  await writeFile(
    config,
    `[databases]\n${server.database} = ${target}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\n` +
      `unix_socket_dir =\nauth_type = any\npool_mode = ${mode}\n`,
  );
  const asOther = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const child = spawn(pgbouncer ?? 'pgbouncer', [...asOther, config], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const settings: ConnectionSettings = {
    host: '127.0.0.1',
    port,
    database: server.database,
    user: server.user,
    password: 'any',
  };
  await eventually(async () => (await connectClient(settings)).end());
  return {
    settings,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
      await rm(folder, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
