import { existsSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { anchorsOf, type MarkdownPage, readPage, readPages } from './markdown-page.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

function* linksOf(page: MarkdownPage): Generator<string> {
  const prose = page.text.replace(/^```[\s\S]*?^```/gm, '');
  for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) if (!/^https?:/.test(target)) yield target;
}

function problemOf(page: MarkdownPage, target: string): string | undefined {
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? page.path : posix.join(posix.dirname(page.path), file);
  if (!existsSync(`${ROOT}/${path}`)) return `${page.path}: ${target} does not exist`;
  if (anchor === undefined || anchorsOf(readPage(path)).includes(anchor)) return undefined;
  return `${page.path}: ${path} has no heading for #${anchor}`;
}

test('every relative link leads to a file that exists, and to a heading in it', () => {
  const problems = readPages().flatMap((page) => [...linksOf(page)].flatMap((target) => problemOf(page, target) ?? []));
  expect(problems).toEqual([]);
});

test('every page of the documentation can be reached from the README', () => {
  const reached = new Set<string>(['README.md']);
  for (const path of reached) {
    for (const target of linksOf(readPage(path))) {
      const file = target.split('#')[0] ?? '';
      if (file.endsWith('.md')) reached.add(posix.join(posix.dirname(path), file));
    }
  }
  expect(
    readPages()
      .map(({ path }) => path)
      .filter((path) => !reached.has(path)),
  ).toEqual([]);
});

test('the README fits on a few screens', () => {
  expect(readPage('README.md').text.trimEnd().split('\n').length).toBeLessThanOrEqual(150);
});

test('the map in AGENTS.md names what exists, and every folder of src/', () => {
  const tree = readPage('AGENTS.md').blocks.find(({ marks }) => marks.includes('tree'))?.text ?? '';
  const named = tree.split('\n').map((line) => line.split(/\s/)[0] ?? '');
  expect(named.filter((path) => !existsSync(`${ROOT}/${path}`))).toEqual([]);
  const layers = readdirSync(`${ROOT}/src`, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(layers.map(({ name }) => `src/${name}/`).filter((path) => !named.includes(path))).toEqual([]);
});
