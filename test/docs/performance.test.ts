import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CHARTS } from '../../bench/support/page/chart-definitions.ts';
import { benchesOn, fillFigures } from '../../bench/support/page/figures.ts';
import type { SavedReport } from '../../bench/support/report.ts';

const DOCS = new URL('../../docs/', import.meta.url);
const RESULTS = new URL('../../bench/results/', import.meta.url);
const page = readFileSync(new URL('performance.md', DOCS), 'utf8');
const reports = new Map(
  benchesOn(page)
    .map((bench) => [bench, new URL(`${bench}.json`, RESULTS)] as const)
    .filter(([, file]) => existsSync(file))
    .map(([bench, file]) => [bench, JSON.parse(readFileSync(file, 'utf8')) as SavedReport]), // as publish() writes it
);

test('tables and charts of the page on performance are those of the figures that were kept', () => {
  expect(fillFigures(page, reports)).toBe(page);
  for (const { bench, file, draw } of CHARTS) {
    const report = reports.get(bench);
    if (report !== undefined)
      expect(draw(report), file).toBe(readFileSync(new URL(`performance/${file}`, DOCS), 'utf8'));
  }
});

test('the page shows every figure that was kept', () => {
  const kept = readdirSync(RESULTS).map((file) => file.replace(/\.json$/, ''));
  expect(kept.filter((bench) => !reports.has(bench))).toEqual([]);
});

test('every chart is a picture that a browser reads: no quotes within quotes, no loose signs', () => {
  const tag = /<\/?[\w:]+(?:\s+[\w:-]+="[^"<]*")*\s*\/?>/g;
  // One that nobody has measured yet has no file.
  for (const { file } of CHARTS.filter(({ bench }) => reports.has(bench))) {
    const svg = readFileSync(new URL(`performance/${file}`, DOCS), 'utf8');
    expect(svg.replaceAll(tag, ''), file).not.toMatch(/[<>]|&(?!\w+;|#\d+;)/);
  }
});
