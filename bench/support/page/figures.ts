import type { SavedReport, Verdict } from '../report.ts';
import { CHARTS } from './chart-definitions.ts';

/** Where the charts are, seen from the page. */
export const CHART_FOLDER = 'performance';

const BLOCK = /(<!-- figures: ([a-z-]+) -->\n)[\s\S]*?(<!-- end -->)/g;

/** In place of a bench: all targets, of all benches. */
const SUMMARY = 'targets';

/** The benches whose figures a page asks for. */
export function benchesOn(page: string): string[] {
  return [...page.matchAll(BLOCK)].map(([, , bench = '']) => bench);
}

/** The page with what stands between `<!-- figures: NAME -->` and `<!-- end -->` made anew from the figures of that bench. */
export function fillFigures(page: string, reports: ReadonlyMap<string, SavedReport>): string {
  return page.replace(BLOCK, (_, begin: string, bench: string, end: string) => {
    const report = reports.get(bench);
    const missing = bench === SUMMARY ? renderSummary([...reports.values()]) : 'Not measured yet.';
    return `${begin}\n${report === undefined ? missing : renderFigures(report)}\n\n${end}`;
  });
}

/** What was missed comes first. */
function renderSummary(reports: readonly SavedReport[]): string {
  const verdicts = reports
    .flatMap(({ bench, verdicts }) => verdicts.map((verdict) => ({ ...verdict, bench })))
    .sort((a, b) => Number(a.isMet) - Number(b.isMet));
  return [
    ['bench', 'figure', 'measured', 'target', ''],
    ['---', '---', '---:', '---:', '---'],
    ...verdicts.map(({ bench, figure, value, target, isMet }) => [
      bench,
      figure,
      renderMeasured(value),
      target.toLocaleString('en'),
      isMet ? 'met' : '**missed**',
    ]),
  ]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

function renderFigures(report: SavedReport): string {
  const charts = CHARTS.filter(({ bench }) => bench === report.bench).map(
    ({ alternative, file }) => `![${alternative}](${CHART_FOLDER}/${file})`,
  );
  const date = report.measuredAt.slice(0, 10);
  const rounds = report.rounds === 1 ? 'one round' : `${report.rounds} rounds`;
  const measured = `Measured ${date}, ${rounds}: PostgreSQL ${report.postgresql}, Node ${report.node}, ${report.cpu}, load ${report.load}.`;
  const subject = `${report.subject.charAt(0).toUpperCase()}${report.subject.slice(1)}:`;
  return [
    ...charts,
    subject,
    renderTable(report),
    ...report.verdicts.map(renderVerdict),
    ...(report.notes ?? []),
    measured,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function renderTable({ rows }: SavedReport): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const isFigure = (column: string) => rows.every((row) => typeof row[column] === 'number' || row[column] === '');
  return [
    columns,
    columns.map((column) => (isFigure(column) ? '---:' : '---')),
    ...rows.map((row) => columns.map((column) => renderCell(row[column]))),
  ]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

/** No figure, no cell: JSON has no word for what is not a number. */
function renderCell(value: string | number | null | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'number' ? value.toLocaleString('en', { maximumFractionDigits: 3 }) : value;
}

function renderVerdict({ figure, value, target, isMet }: Verdict): string {
  return `${isMet ? 'Met' : '**Missed**'}: ${figure} is ${renderMeasured(value)}, the target is ${target.toLocaleString('en')}.`;
}

/** Four digits: more than a measurement repeats. */
function renderMeasured(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 4 });
}
