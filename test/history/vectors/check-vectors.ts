import { isDeepStrictEqual } from 'node:util';
import { groupBy } from '../../../src/core/group-by.ts';
import type { JobChange, RowState, VectorChange, VectorJournal } from './vector-journal.ts';

/** What a history of vectors can break. */
export type VectorRule =
  /** A row is not as the journal left it: a change went past the journal, or was lost. */
  | 'continuity'
  /** A daemon changed something besides the vector. */
  | 'touched'
  /** A daemon wrote a vector that is not of the text that stood there, by the model that the job had. */
  | 'wrong-vector'
  /** A daemon took a vector away that was right. */
  | 'taken'
  /** A daemon wrote for a job that was canceled or gone. */
  | 'unwanted'
  /** A row with text that has no vector in the end. */
  | 'missing'
  /** A vector that is not of the last text of its row, by the last model. */
  | 'stale'
  /** A vector beside no text, or beside one that cannot be embedded. */
  | 'left'
  /** A text whose commit was acknowledged, and which no row ever had. */
  | 'told';

export interface VectorViolation {
  readonly rule: VectorRule;
  readonly table: string;
  readonly ident: number | undefined;
  readonly what: string;
}

export interface VectorCheck {
  readonly journal: VectorJournal;
  /** The tables as they are now; the journal must have all of what happened to them. */
  readonly tables: ReadonlyMap<string, readonly RowState[]>;
  /** The vector of a text, by a model. */
  readonly vectorOf: (text: string, model: string) => Float32Array;
  /** True for a text that no model takes. */
  readonly isBad?: (text: string) => boolean;
  /** Texts that writers were told to be committed. */
  readonly told?: Iterable<string>;
  /** False while faults rage: nothing is said about the end. @default true */
  readonly isAtRest?: boolean;
}

type Report = (rule: VectorRule, ident: number | undefined, what: string) => void;

/** As PostgreSQL sees it, here and in the models. */
const isBlank = (text: string) => !/[^ \t\n\r\f\v]/.test(text);

/**
 * Every way in which the vectors of embedded tables were not what is promised: each that a daemon wrote is of the text that its row had at that
 * moment, and of the last text in the end; nothing else of a row was touched.
 */
export function checkVectors(check: VectorCheck): VectorViolation[] {
  const { journal, tables, told = [], isAtRest = true } = check;
  const violations: VectorViolation[] = [];
  const seen = new Set(journal.changes.flatMap(({ after }) => Object.values(after ?? {}).map(String)));
  for (const [table, rows] of tables) {
    const report: Report = (rule, ident, what) => void violations.push({ rule, table, ident, what });
    const jobs = journal.jobs.filter((job) => job.table === table);
    const changes = journal.changes.filter((change) => change.table === table);
    const last = replay(changes, report);
    for (const change of changes) if (change.isDaemon) checkWrite(change, jobAt(jobs, change.seq), check, report);
    const found = new Map(rows.map((row) => [Number(row['ident']), row]));
    for (const ident of new Set([...last.keys(), ...found.keys()])) {
      if (!isContinued(last.get(ident), found.get(ident))) {
        report('continuity', ident, `is ${shown(found.get(ident))}, and was left as ${shown(last.get(ident))}`);
      }
    }
    const job = jobs.at(-1);
    if (isAtRest && job?.isWanted === true) for (const row of rows) checkEnd(row, job, check, report);
  }
  for (const text of told) {
    if (!seen.has(text)) violations.push({ rule: 'told', table: '', ident: undefined, what: `"${text}" is nowhere` });
  }
  return violations;
}

/** Each row as the journal leaves it. */
function replay(changes: readonly VectorChange[], report: Report): Map<number, RowState> {
  const last = new Map<number, RowState>();
  for (const { ident, before, after } of changes) {
    if (ident === undefined) {
      last.clear();
      continue;
    }
    if (!isContinued(last.get(ident), before)) {
      report(
        'continuity',
        ident,
        `was left as ${shown(last.get(ident))}, and was ${shown(before)} before the next change`,
      );
    }
    if (after === undefined) last.delete(ident);
    else last.set(ident, after);
  }
  return last;
}

/** DDL adds columns, with a default too, and removes them without a change of rows, so that only what both states have is compared. */
function isContinued(last: RowState | undefined, next: RowState | undefined): boolean {
  if (last === undefined || next === undefined) return last === next;
  const both = Object.keys(last).filter((column) => column in next);
  return both.every((column) => isDeepStrictEqual(last[column], next[column]));
}

function jobAt(jobs: readonly JobChange[], seq: number): JobChange | undefined {
  return jobs.filter((job) => job.seq < seq).at(-1);
}

function checkWrite(change: VectorChange, job: JobChange | undefined, check: VectorCheck, report: Report): void {
  const { ident, before, after } = change;
  if (job === undefined || !job.isWanted) {
    report('unwanted', ident, `${shown(before)} became ${shown(after)}`);
    return;
  }
  if (before === undefined || after === undefined) {
    report('touched', ident, 'a row came or went');
    return;
  }
  const { [job.dstColumn]: vector, ...rest } = after;
  const { [job.dstColumn]: _, ...restBefore } = before;
  if (!isDeepStrictEqual(rest, restBefore)) report('touched', ident, `${shown(restBefore)} became ${shown(rest)}`);
  const text = textOf(after, job);
  if (vector === null || vector === undefined) {
    if (text !== undefined && check.isBad?.(text) !== true) report('taken', ident, `from "${text}"`);
  } else if (text === undefined || !isSame(vector, check.vectorOf(text, job.model))) {
    report('wrong-vector', ident, `written beside "${text}": ${originOf(vector, check, job)}`);
  }
}

function checkEnd(row: RowState, job: JobChange, check: VectorCheck, report: Report): void {
  const ident = Number(row['ident']);
  const text = textOf(row, job);
  const vector = row[job.dstColumn] ?? null;
  if (text === undefined || check.isBad?.(text) === true) {
    if (vector !== null) report('left', ident, `beside ${text === undefined ? 'no text' : `"${text}"`}`);
  } else if (vector === null) report('missing', ident, `"${text}" has no vector`);
  else if (!isSame(vector, check.vectorOf(text, job.model))) {
    report('stale', ident, `beside "${text}": ${originOf(vector, check, job)}`);
  }
}

function textOf(row: RowState, { srcColumn }: JobChange): string | undefined {
  const text = row[srcColumn];
  return typeof text !== 'string' || isBlank(text) ? undefined : text;
}

/** A `real[]` comes back as the shortest texts that are the same floats. */
function isSame(vector: unknown, expected: Float32Array): boolean {
  return (
    Array.isArray(vector) &&
    vector.length === expected.length &&
    vector.every((value, at) => Math.fround(Number(value)) === expected[at])
  );
}

/** Whose vector it is, as far as the journal knows. */
function originOf(vector: unknown, { journal, vectorOf }: VectorCheck, job: JobChange): string {
  const texts = new Set(
    journal.changes.flatMap(({ after }) => (after === undefined ? [] : (textOf(after, job) ?? []))),
  );
  const models = new Set(journal.jobs.map(({ model }) => model));
  for (const model of models) {
    for (const text of texts) if (isSame(vector, vectorOf(text, model))) return `it is of "${text}" by ${model}`;
  }
  return 'it is of no text that any row has had';
}

function shown(row: RowState | undefined): string {
  return row === undefined ? 'not there' : JSON.stringify(row);
}

/** The violations of one kind are counted, and the first few are told. */
export function summarise(violations: readonly VectorViolation[]): string[] {
  return [...groupBy(violations, ({ rule, table }) => `${rule} in ${table}`)].flatMap(([kind, all]) => [
    `${kind}: ${all.length}`,
    ...all.slice(0, 5).map(({ ident, what }) => `  row ${ident}: ${what.slice(0, 500)}`),
  ]);
}
