import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { attachBenchServer, BENCH_SETTINGS, type BenchServer } from '../bench-server.ts';

const ROOT = '/usr/lib/postgresql/15';
const run = promisify(execFile);

/** Whether Debian's packages postgresql-15 and postgresql-15-cron are installed. */
export const hasDebianCron = (): boolean => existsSync(`${ROOT}/lib/pg_cron.so`);

/** Debian's PostgreSQL 15 with pg_cron in that database, in a folder that goes at the end; with the settings of every bench. */
export async function startDebianServer(cronDatabase: string): Promise<BenchServer> {
  const folder = await mkdtemp(join(tmpdir(), 'lamplighter-debian-'));
  const isRoot = process.getuid?.() === 0;
  const asPostgres = (program: string, ...args: string[]) =>
    isRoot
      ? run('runuser', ['-u', 'postgres', '--', `${ROOT}/bin/${program}`, ...args])
      : run(`${ROOT}/bin/${program}`, args);
  if (isRoot) await run('chown', ['postgres', folder]);
  const data = join(folder, 'data');
  await asPostgres('initdb', '-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8');
  const port = await freePort();
  const settings = {
    ...BENCH_SETTINGS,
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: folder,
    shared_preload_libraries: 'pg_cron',
    'cron.database_name': cronDatabase,
    'cron.host': '127.0.0.1',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
  await appendFile(join(data, 'postgresql.conf'), lines.join(''));
  await asPostgres('pg_ctl', '-D', data, '-l', join(folder, 'log'), '-w', 'start');
  return attachBenchServer(`postgresql://postgres@127.0.0.1:${port}/postgres`, async () => {
    await asPostgres('pg_ctl', '-D', data, '-m', 'immediate', 'stop');
    await rm(folder, { recursive: true, force: true });
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
