import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

/** Beside PostgreSQL's own port, which another server on this machine often has. */
const FIRST_PORT = 5433;
const PORTS_TO_TRY = 50;

/** The port to start the server of this folder on: the one it had before, so that connection strings stay right, else a free one. */
export async function choosePort(dataDir: string): Promise<number> {
  const kept = Number(await readFile(fileOf(dataDir), 'utf8').catch(() => ''));
  if (Number.isInteger(kept) && kept >= 1 && kept <= 65_535) return kept;
  for (let port = FIRST_PORT; port < FIRST_PORT + PORTS_TO_TRY; port++) if (await isFree(port)) return port;
  return 0;
}

/** Remembers the port for the next start. */
export async function keepPort(dataDir: string, port: number): Promise<void> {
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
