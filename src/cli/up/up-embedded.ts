import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { LamplighterError } from '../../core/errors.ts';
import type { DaemonConfig } from '../../daemon/config.ts';
import type { Invocation } from '../cli-command.ts';
import { type EmbeddedHints, openEmbeddedDatabase } from '../embedded-database.ts';
import type { ExitCode } from '../exit.ts';
import { runService } from '../run-service.ts';
import { openAll, type UpServices } from './open-all.ts';

interface EmbeddedUp {
  readonly dataDir: string;
  /** 0 for any free one; absent for the one that the folder had before. */
  readonly port: number | undefined;
  readonly services: UpServices;
}

const HINTS: EmbeddedHints = {
  EMBEDDED_IN_USE:
    'Most likely another "lamplighter up" runs there: stop it, or choose another folder with --data-dir.',
  PORT_TAKEN: 'Choose another one with --port, or any free one with --port 0.',
};

/** Runs a server on `dataDir` and a worker until a signal, or until the server ends by itself, which is an error. */
export async function upEmbedded(invocation: Invocation, options: EmbeddedUp): Promise<ExitCode> {
  const dataDir = resolve(options.dataDir);
  invocation.terminal.print(`Starting PostgreSQL in ${dataDir}`);
  const isNew = !existsSync(join(dataDir, 'postgres'));
  const port = options.port ?? (await choosePort(dataDir));
  const { server, settings } = await openEmbeddedDatabase(invocation, { dataDir, port, persistent: true }, HINTS);
  try {
    await keepPort(dataDir, server.port);
    // The password is in there.
    await writeFile(join(dataDir, '.gitignore'), '*\n');
    const service = await openAll(invocation, settings, options.services);
    printWelcome(invocation, { uri: server.uri, isNew, daemon: options.services.daemon });
    const ended = server.ended.then(
      () =>
        new LamplighterError('EMBEDDED_FAILED', `The embedded PostgreSQL in ${dataDir} has ended by itself`, {
          hint: 'With --log-level debug its log is shown. The data is kept: start again.',
        }),
    );
    return await runService(invocation, service, ended);
  } finally {
    await server.stop();
  }
}

interface Welcome {
  readonly uri: string;
  readonly isNew: boolean;
  readonly daemon: DaemonConfig | undefined;
}

function printWelcome({ terminal }: Invocation, { uri, isNew, daemon }: Welcome): void {
  const { style } = terminal;
  const running = daemon === undefined ? 'PostgreSQL and a worker' : 'PostgreSQL, a worker and an embedding daemon';
  terminal.print(`${running} run${isNew ? '' : ', with the data that was there'}.`);
  if (daemon !== undefined) {
    const { schema, table } = daemon;
    const flags = `${schema === 'public' ? '' : ` --schema ${schema}`}${table === 'jobs' ? '' : ` --table ${table}`}`;
    terminal.print(`The daemon takes up each row of ${schema}.${table}; "lamplighter jobs add${flags}" adds one.`);
  }
  terminal.print('\nConnect (DATABASE_URL is the same without "psql"):\n');
  terminal.print(`  ${style.cyan(`psql ${uri}`)}`);
  terminal.print('\nand try:\n');
  terminal.print(
    `  ${style.cyan("select steadytext_get_async_result(steadytext_embed_async('hello, lamplighter'));")}`,
  );
  terminal.print('\nCtrl-C stops all; the data stays.\n');
}

/** The first port that is tried. PostgreSQL's own is often taken by another server on this machine. */
const FIRST_PORT = 5433;
const PORTS_TO_TRY = 50;

/** The port to start the server of this folder on: the one it had before, so that connection strings stay right, else a free one. */
async function choosePort(dataDir: string): Promise<number> {
  const kept = Number(await readFile(fileOf(dataDir), 'utf8').catch(() => ''));
  if (Number.isInteger(kept) && kept >= 1 && kept <= 65_535) return kept;
  for (let port = FIRST_PORT; port < FIRST_PORT + PORTS_TO_TRY; port++) if (await isFree(port)) return port;
  return 0;
}

/** Remembers the port for the next start. */
async function keepPort(dataDir: string, port: number): Promise<void> {
  await writeFile(fileOf(dataDir), `${port}\n`);
}

function fileOf(dataDir: string): string {
  return join(dataDir, 'port');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
