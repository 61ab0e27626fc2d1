/**
 * Installs the packed tarball into a project outside the repository with the line that docs/concepts/models.md gives for a server, prints what
 * that takes, and lets a worker of that project answer with small models of both engines. Needs `npm run build` and the package registry.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { startEmbeddedServer } from '../src/db/embedded/embedded-server.ts';
import { uriOf, withClient } from '../test/support/admin.ts';
import { createTemplate, templateName } from '../test/support/template.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const FIXTURES = join(ROOT, 'test/models/fixtures');
const MAX_FILES = 1500;
const MAX_INSTALLED_MB = 500;
const REQUESTS = [
  `steadytext_embed_async('a lamp', model => './mean')`,
  `steadytext_generate_async('a lamp', 4, model => './tiny-chat.gguf')`,
];

interface PackedPackage {
  readonly filename: string;
  readonly entryCount: number;
  readonly size: number;
}

const project = mkdtempSync(join(tmpdir(), 'lamplighter-install-'));
const inProject = (command: string, args: readonly string[]) =>
  execFileSync(command, args, { cwd: project, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

/** The documented line, with the tarball for the package and this machine for the platform. */
function installLine(tarball: string): string[] {
  const page = readFileSync(join(ROOT, 'docs/concepts/models.md'), 'utf8');
  const line = /^npm install (.*--omit=optional.*)$/m.exec(page)?.[1];
  if (line === undefined) throw new Error('docs/concepts/models.md has no install line with --omit=optional');
  const platform = `@node-llama-cpp/${process.platform === 'darwin' ? 'mac' : process.platform}-${process.arch}`;
  return line
    .split(' ')
    .map((word) => (word === 'lamplighter' ? tarball : word.startsWith('@node-llama-cpp/') ? platform : word));
}

function pack(): string {
  const packed = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--pack-destination', project], { cwd: ROOT, encoding: 'utf8' }),
  ) as readonly PackedPackage[];
  const [tarball] = packed;
  if (tarball === undefined) throw new Error('npm pack made nothing');
  console.log(`packed: ${tarball.entryCount} files, ${Math.round(tarball.size / 1000)} kB`);
  if (tarball.entryCount > MAX_FILES) throw new Error(`more than ${MAX_FILES} files are in the package`);
  return join(project, tarball.filename);
}

function install(tarball: string): void {
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'a-project', private: true, type: 'module' }));
  const args = ['install', ...installLine(tarball)];
  console.log(`npm ${args.join(' ')}`);
  inProject('npm', args);
  const megabytes = Number(inProject('du', ['-sm', 'node_modules']).split('\t')[0]);
  console.log(`installed: ${megabytes} MB`);
  if (megabytes > MAX_INSTALLED_MB) throw new Error(`more than ${MAX_INSTALLED_MB} MB are installed`);
  for (const entry of ['lamplighter', 'lamplighter/daemon', 'lamplighter/models']) {
    inProject('node', ['--input-type=module', '-e', `await import('${entry}')`]);
  }
}

async function ask(): Promise<void> {
  cpSync(join(FIXTURES, 'onnx/mean'), join(project, 'mean'), { recursive: true });
  cpSync(join(FIXTURES, 'gguf/tiny-chat.gguf'), join(project, 'tiny-chat.gguf'));
  const server = await startEmbeddedServer({ persistent: false, settings: { fsync: 'off' } });
  let worker: ChildProcess | undefined;
  try {
    await createTemplate(server.uri, 'install');
    const uri = uriOf(server.uri, { database: templateName('install') });
    const models = ['--embed-model', './mean', '--generate-model', './tiny-chat.gguf'];
    worker = spawn('node_modules/.bin/lamplighter', ['worker', '--log-level', 'warn', ...models], {
      cwd: project,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, DATABASE_URL: uri },
    });
    for (const request of REQUESTS) {
      const answer = await withClient(uri, async (client) => {
        const queued = await client.query<{ id: string }>(`select ${request} as id`);
        const { rows } = await client.query<{ answer: string }>(
          'select steadytext_get_async_result($1, 60) as answer',
          [queued.rows[0]?.id],
        );
        return rows[0]?.answer ?? '';
      });
      console.log(`${request}\n  ${answer.slice(0, 80)}`);
    }
  } finally {
    if (worker !== undefined) {
      const ended = once(worker, 'exit');
      worker.kill('SIGTERM');
      await ended;
    }
    await server.stop();
  }
}

try {
  install(pack());
  await ask();
} finally {
  rmSync(project, { recursive: true });
}
