import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readRepositoryFile } from '../docs/markdown-page.ts';
import { findPython } from '../support/python.ts';

interface Instruction {
  readonly name: string;
  readonly value: string;
}

/** The instructions of each stage, with continued lines put together. */
function readStages(text: string): Instruction[][] {
  const instructions = text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .flatMap((line) => {
      const [, name, value] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [{ name, value }];
    });
  const stages: Instruction[][] = [];
  for (const instruction of instructions) {
    if (instruction.name === 'FROM') stages.push([]);
    stages.at(-1)?.push(instruction);
  }
  return stages;
}

const text = readRepositoryFile('deploy/Dockerfile');
const stages = readStages(text);
const last = stages.at(-1) ?? [];
const valuesOf = (stage: readonly Instruction[], name: string) =>
  stage.filter((instruction) => instruction.name === name).map(({ value }) => value);

test('the last stage runs as a user with a number of its own, under an init', () => {
  expect(valuesOf(last, 'USER')).toEqual(['10001:10001']);
  expect(valuesOf(last, 'ENTRYPOINT')).toEqual(['["tini", "--", "lamplighter"]']);
  expect(valuesOf(last, 'VOLUME')).toEqual(['/models']);
  const order = last.map(({ name }) => name);
  expect(order.lastIndexOf('RUN')).toBeLessThan(order.indexOf('USER'));
});

test('what runs has nothing of what builds it but the packed package', () => {
  const copied = stages.slice(1).map((stage) => valuesOf(stage, 'COPY'));
  expect(copied).toEqual([
    ['--from=pack /tmp/lamplighter.tgz /tmp/lamplighter.tgz'],
    ['--from=install /opt/lamplighter /opt/lamplighter'],
  ]);
});

test('all stages are of one image of Debian slim, whose Node the package takes', () => {
  const [, tag] = /^ARG NODE_IMAGE=node:(\S+)$/m.exec(text) ?? [];
  expect(tag).toMatch(/^22-\w+-slim$/);
  expect(stages.map((stage) => valuesOf(stage, 'FROM')[0]?.split(' ')[0])).toEqual(stages.map(() => `\${NODE_IMAGE}`));
});

test('packages of Debian leave no lists behind, and none is installed beside those asked for', () => {
  const runs = stages.flatMap((stage) => valuesOf(stage, 'RUN')).filter((value) => value.includes('apt-get'));
  expect(runs).not.toEqual([]);
  for (const run of runs) {
    expect(run).toContain('--no-install-recommends');
    expect(run).toContain('rm -rf /var/lib/apt/lists/*');
  }
});

test('the engines have the versions that the tests run with', () => {
  const { devDependencies } = JSON.parse(readRepositoryFile('package.json')) as {
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const [, engines = ''] = /ARG ENGINES="([^"]+)"/.exec(text) ?? [];
  const named = engines.split(' ').map((engine) => {
    const at = engine.lastIndexOf('@');
    return [engine.slice(0, at), engine.slice(at + 1)];
  });
  expect(named.map(([name]) => name)).toEqual([
    'onnxruntime-node',
    '@huggingface/tokenizers',
    'node-llama-cpp',
    '@node-llama-cpp/linux-PLATFORM',
  ]);
  for (const [name = '', version] of named) {
    expect(version).toBe(devDependencies[name.startsWith('@node-llama-cpp/') ? 'node-llama-cpp' : name]);
  }
});

test('secrets and what was built or installed outside stay out of the context', () => {
  const ignored = readRepositoryFile('.dockerignore').split('\n');
  expect(ignored).toEqual(expect.arrayContaining(['.git', 'node_modules', 'dist', '**/*.env', '**/.env*']));
  for (const path of ['src', 'sql', 'docs', 'scripts', 'bin']) {
    expect(existsSync(new URL(`../../${path}`, import.meta.url))).toBe(true);
    expect(ignored).not.toContain(path);
  }
});

test('hadolint has nothing to say', { timeout: 300_000 }, async ({ skip }) => {
  const python = await findPython(new URL('hadolint-requirements.txt', import.meta.url));
  if (typeof python === 'string') return skip(python);
  const program = `
import os, subprocess, sys
linter = os.path.join(os.path.dirname(sys.executable), 'hadolint')
print(subprocess.run([linter, '--no-color', '-'], input=os.environ['DOCKERFILE'], capture_output=True, text=True, timeout=60))
`;
  expect(await python.run(program, { DOCKERFILE: text })).toMatch(/returncode=0, stdout='', stderr=''\)\n$/);
});
