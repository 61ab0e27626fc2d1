/**
 * Proves that the layer rules bite: writes a small tree in which each file breaks one rule, lints it with the real configuration,
 * and fails when a violation goes unnoticed or a permitted import is refused. Every import upward or between siblings is among them, by the
 * line of layers in AGENTS.md.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const CONFIGS = ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json'];

/** The file, what it imports, and the rule that must refuse it; undefined when it must pass. */
type Case = readonly [file: string, specifier: string, rule: string | undefined];

/** What the line does not say: pairs that are forbidden though they go downward, the other rules, and what must pass. */
const SINGLE_CASES: readonly Case[] = [
  ['src/requests/models.ts', '../models/target.ts', 'layer-requests'],
  ['src/tasks/models.ts', '../models/target.ts', 'layer-tasks'],
  ['src/process/system.ts', '../requests/target.ts', 'layer-process'],
  ['src/worker/embeddings.ts', '../embeddings/target.ts', 'layer-worker'],
  ['src/daemon/requests.ts', '../requests/target.ts', 'layer-daemon'],
  ['src/mystery/layer.ts', '../core/target.ts', 'known-layer'],
  ['src/cli/entry.ts', '../index.ts', 'entry-files-are-for-users'],
  ['src/requests/driver.ts', 'pg', 'only-db-talks-to-pg'],
  ['src/worker/environment.ts', 'node:process', 'process-only-at-the-edge'],
  ['src/db/environment.ts', 'process', 'process-only-at-the-edge'],
  ['src/models/environment.ts', 'node:process', 'process-only-at-the-edge'],
  ['src/core/test-code.ts', '../../test/support.ts', 'no-test-code-in-the-product'],
  ['src/core/development.ts', 'fast-check', 'dependencies-are-declared'],
  ['src/core/circle.ts', './circle-back.ts', undefined],
  ['src/core/circle-back.ts', './circle.ts', 'no-cycles'],
  ['src/core/missing.ts', './nowhere.ts', 'resolvable'],
  ['src/requests/downward.ts', '../db/target.ts', undefined],
  ['src/process/downward.ts', '../db/target.ts', undefined],
  ['src/worker/downward.ts', '../requests/target.ts', undefined],
  ['src/worker/process.ts', '../process/target.ts', undefined],
  ['src/daemon/downward.ts', '../embeddings/target.ts', undefined],
  ['src/cli/downward.ts', 'node:process', undefined],
  ['src/db/driver.ts', 'pg', undefined],
];

/** The layers from the top down, as AGENTS.md has them: siblings in one list. */
async function readLayers(): Promise<string[][]> {
  const map = await readFile(join(ROOT, 'AGENTS.md'), 'utf8');
  const [line] = /^cli > .*$/m.exec(map) ?? [];
  if (line === undefined) throw new Error('AGENTS.md has no line of layers that begins with "cli > "');
  return line.split(' > ').map((siblings) => siblings.split(', '));
}

/** An import of each layer by each that is below it or beside it. */
function wrongDirections(layers: readonly (readonly string[])[]): Case[] {
  return layers.flatMap((siblings, at) =>
    siblings.flatMap((from) =>
      layers
        .slice(0, at + 1)
        .flat()
        .filter((to) => to !== from)
        .map((to): Case => [`src/${from}/imports-${to}.ts`, `../${to}/target.ts`, `layer-${from}`]),
    ),
  );
}

const reportSchema = z.object({
  summary: z.object({ violations: z.array(z.object({ from: z.string(), rule: z.object({ name: z.string() }) })) }),
});

async function lint(folder: string): Promise<Set<string>> {
  const cli = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const output = await new Promise<string>((resolve) => {
    // The exit status is the number of violations.
    execFile(
      process.execPath,
      [cli, 'src', '--output-type', 'json'],
      { cwd: folder, maxBuffer: 2 ** 26 },
      (_, stdout) => resolve(stdout),
    );
  });
  return new Set(
    reportSchema.parse(JSON.parse(output)).summary.violations.map(({ from, rule }) => `${from}: ${rule.name}`),
  );
}

const folder = await mkdtemp(join(tmpdir(), 'lamplighter-layers-'));
try {
  for (const config of CONFIGS) await cp(join(ROOT, config), join(folder, config));
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const layers = await readLayers();
  const cases = [...wrongDirections(layers), ...SINGLE_CASES];
  const targets = layers.flat().map((layer) => `src/${layer}/target.ts`);
  const files = new Map([...targets, 'src/index.ts', 'test/support.ts'].map((file) => [file, 'export {};\n']));
  // A type-only import counts as much as any other.
  for (const [file, specifier] of cases) files.set(file, `import type {} from '${specifier}';\nexport {};\n`);
  for (const [file, text] of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  }
  const found = await lint(folder);
  const expected = new Set(cases.flatMap(([file, , rule]) => (rule === undefined ? [] : [`${file}: ${rule}`])));
  const wrong = [
    ...[...expected].filter((violation) => !found.has(violation)).map((violation) => `not noticed: ${violation}`),
    ...[...found]
      .filter((violation) => !expected.has(violation))
      .map((violation) => `refused by mistake: ${violation}`),
  ];
  for (const line of wrong) console.error(line);
  console.log(
    `layers: ${expected.size} forbidden and ${cases.length - expected.size} permitted imports, ${wrong.length} judged wrongly`,
  );
  process.exitCode = wrong.length === 0 ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
