import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import process from 'node:process';
import { renderTable } from '../../src/cli/render-table.ts';
import type { BenchOptions } from './bench-options.ts';
import type { BenchServer } from './bench-server.ts';

const RESULTS = new URL('../results/', import.meta.url);

type Cell = string | number | undefined;
export type Row = Readonly<Record<string, Cell>>;

/** A figure beside what it should be. */
export interface Verdict {
  readonly figure: string;
  readonly value: number;
  readonly target: number;
  readonly isMet: boolean;
}

export interface Report {
  /** The name of the bench, and of its file. */
  readonly bench: string;
  /** What was measured, in a sentence. */
  readonly subject: string;
  readonly rows: readonly Row[];
  readonly verdicts: readonly Verdict[];
  /** What else a reader must know. */
  readonly notes?: readonly string[];
}

/** What is on disk for the page. */
export interface SavedReport extends Report {
  readonly rounds: number;
  readonly requests: number;
  readonly measuredAt: string;
  readonly postgresql: string;
  readonly node: string;
  readonly cpu: string;
  readonly load: number;
}

/** The figure must not be below the target. */
export function atLeast(figure: string, value: number, target: number): Verdict {
  return { figure, value, target, isMet: value >= target };
}

/** The figure must not be above the target. */
export function atMost(figure: string, value: number, target: number): Verdict {
  return { figure, value, target, isMet: value <= target };
}

/** Prints a table and says of each target whether it was met; keeps the figures in bench/results with `--save`. */
export async function publish(
  report: Report,
  options: BenchOptions,
  server: Pick<BenchServer, 'version'>,
): Promise<void> {
  const columns = [...new Set(report.rows.flatMap((row) => Object.keys(row)))];
  const processors = cpus();
  const saved: SavedReport = {
    ...report,
    // Contenders that were left out give no figure.
    verdicts: report.verdicts.filter(({ value }) => !Number.isNaN(value)),
    rounds: options.rounds,
    requests: options.requests,
    measuredAt: new Date().toISOString(),
    postgresql: server.version,
    node: process.version,
    cpu: `${availableParallelism()} x ${processors[0]?.model ?? 'unknown'}`,
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  };
  console.log(`\n${report.bench}: ${report.subject}`);
  console.log(`PostgreSQL ${saved.postgresql}, Node ${saved.node}, ${saved.cpu}, load ${saved.load}\n`);
  console.log(
    renderTable(
      columns,
      report.rows.map((row) => columns.map((column) => String(row[column] ?? ''))),
    ).join('\n'),
  );
  for (const { figure, value, target, isMet } of saved.verdicts) {
    console.log(`${isMet ? 'met' : 'MISSED'}: ${figure} is ${Number(value.toPrecision(4))}, target ${target}`);
  }
  for (const note of report.notes ?? []) console.log(note);
  if (!options.isSaved) return;
  await mkdir(RESULTS, { recursive: true });
  await writeFile(new URL(`${report.bench}.json`, RESULTS), `${JSON.stringify(saved, undefined, 2)}\n`);
}
