import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { connectClient } from '../../src/db/connection/connect-client.ts';
import type { ConnectionSettings } from '../../src/db/connection/connection-settings.ts';
import { findFreePort } from '../../src/db/embedded/postmaster.ts';
import { eventually } from '../support/eventually.ts';

export const pgbouncer = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
  .map((folder) => join(folder, 'pgbouncer'))
  .find((path) => existsSync(path));

export interface Pooler extends AsyncDisposable {
  /** As the user of the server's settings; of use only without {@link PgbouncerOptions.users}. */
  readonly settings: ConnectionSettings;
  /** The same login and database through the pooler. */
  uriFor(uri: string): string;
  /** Kills it, and all connections with it, and starts it anew. */
  restart(): Promise<void>;
}

export interface PgbouncerOptions {
  /** URIs of logins that it lets in with SCRAM, each to the server as itself. @default anybody, as the user of the server's settings */
  readonly users?: readonly string[];
  /** Further lines of its section `pgbouncer`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A PgBouncer of its own in front of the database of `server`; needs {@link pgbouncer}. */
export async function startPgbouncer(
  server: ConnectionSettings,
  mode: 'session' | 'transaction',
  { users, settings: further = {} }: PgbouncerOptions = {},
): Promise<Pooler> {
  const folder = await mkdtemp(join(tmpdir(), 'lamplighter-pgbouncer-'));
  await chmod(folder, 0o755); // PgBouncer refuses to run as root and drops to another user
  const port = await findFreePort();
  const config = join(folder, 'pgbouncer.ini');
  const userlist = join(folder, 'userlist.txt');
  const login = users === undefined ? ` user=${server.user} password=${server.password}` : '';
  const lines = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: users === undefined ? 'any' : 'scram-sha-256',
    auth_file: userlist,
    pool_mode: mode,
    ...further,
  };
  await writeFile(
    config,
    `[databases]\n${server.database} = host=${server.host} port=${server.port} dbname=${server.database}${login}\n[pgbouncer]\n` +
      Object.entries(lines)
        .map(([name, value]) => `${name} = ${value}\n`)
        .join(''),
  );
  const logins = (users ?? []).map((uri) => new URL(uri));
  await writeFile(userlist, logins.map(({ username, password }) => `"${username}" "${password}"\n`).join(''));

  const uriFor = (uri: string) => {
    const url = new URL(uri);
    url.hostname = '127.0.0.1';
    url.port = String(port);
    return url.href;
  };
  const [first] = logins;
  const settings: ConnectionSettings = {
    host: '127.0.0.1',
    port,
    database: server.database,
    user: first?.username ?? server.user,
    password: first?.password ?? 'any',
  };
  let child: ChildProcess | undefined;
  async function start(): Promise<void> {
    const asOther = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
    child = spawn(pgbouncer ?? 'pgbouncer', [...asOther, config], { stdio: 'ignore' });
    await eventually(async () => (await connectClient(settings)).end());
  }
  async function kill(): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
  async function dispose(): Promise<void> {
    await kill();
    await rm(folder, { recursive: true, force: true });
  }

  try {
    await start();
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    settings,
    uriFor,
    async restart() {
      await kill();
      await start();
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** Whether it is at least this version, such as [1, 21]. */
export function isPgbouncerAtLeast(major: number, minor: number): boolean {
  const { stdout } = spawnSync(pgbouncer ?? 'pgbouncer', ['--version'], { encoding: 'utf8' });
  const [, foundMajor, foundMinor] = /(\d+)\.(\d+)/.exec(stdout) ?? [];
  return Number(foundMajor) > major || (Number(foundMajor) === major && Number(foundMinor) >= minor);
}
