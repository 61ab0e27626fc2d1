import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url));

export interface Python {
  /** Of its program. */
  readonly path: string;
  /** Runs a program; what it printed. Fails with what it wrote to standard error. */
  run(program: string, env: Readonly<Record<string, string>>): Promise<string>;
}

/**
 * A Python with the packages that a file of requirements names, in an environment of its own that later runs find again; the reason in words where
 * there is none to be had (no Python 3.10, no venv, no way to PyPI).
 */
export async function findPython(file: URL, { timeoutMs = 180_000 } = {}): Promise<Python | string> {
  const requirements = fileURLToPath(file);
  const key = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const home = `${CACHE}python-${key}`;
  if (!existsSync(home)) {
    const draft = `${home}-${randomBytes(4).toString('hex')}`;
    try {
      await mkdir(CACHE, { recursive: true });
      await run('python3', ['-m', 'venv', draft], { timeout: timeoutMs });
      const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements];
      await run(`${draft}/bin/python`, install, { timeout: timeoutMs });
      // Whoever comes second finds the name taken, by an environment with the same in it.
      await rename(draft, home).catch(() => undefined);
    } catch (error) {
      return `no Python with its packages: ${String(error instanceof Error ? error.message : error)
        .trim()
        .slice(-500)}`;
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }
  const path = `${home}/bin/python`;
  return {
    path,
    async run(program, env) {
      const { stdout } = await run(path, ['-c', program], {
        env: { ...process.env, ...env, PYTHONDONTWRITEBYTECODE: '1' },
        timeout: 60_000,
      });
      return stdout;
    },
  };
}
