/**
 * Draws the charts of docs/performance.md and fills in its tables, from the figures in bench/results. With `--check` it changes nothing
 * and fails when the page or a chart is not what the figures say.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { CHARTS } from '../bench/support/page/chart-definitions.ts';
import { benchesOn, CHART_FOLDER, fillFigures } from '../bench/support/page/figures.ts';
import type { SavedReport } from '../bench/support/report.ts';

const DOCS = new URL('../docs/', import.meta.url);
const PAGE = new URL('performance.md', DOCS);
const RESULTS = new URL('../bench/results/', import.meta.url);
const isCheck = process.argv.includes('--check');

const page = await readFile(PAGE, 'utf8');
const reports = new Map<string, SavedReport>();
for (const bench of benchesOn(page)) {
  const file = new URL(`${bench}.json`, RESULTS);
  // As written by publish(): nothing else is kept there.
  if (existsSync(file)) reports.set(bench, JSON.parse(await readFile(file, 'utf8')) as SavedReport);
}
await mkdir(new URL(`${CHART_FOLDER}/`, DOCS), { recursive: true });
const written: [URL, string][] = [[PAGE, fillFigures(page, reports)]];
for (const { bench, file, draw } of CHARTS) {
  const report = reports.get(bench);
  if (report !== undefined) written.push([new URL(`${CHART_FOLDER}/${file}`, DOCS), draw(report)]);
}
for (const [file, text] of written) {
  const present = await readFile(file, 'utf8').catch(() => undefined);
  if (present === text) continue;
  if (isCheck) {
    console.log(`${file.pathname} is not what bench/results says: npm run bench:draw`);
    process.exitCode = 1;
  } else {
    await writeFile(file, text);
    console.log(`wrote ${file.pathname}`);
  }
}
