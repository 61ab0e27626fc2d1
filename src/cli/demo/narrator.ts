import { type Clock, systemClock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Queryable } from '../../db/query.ts';
import { sqlStateOf } from '../../db/sqlstate.ts';
import { renderTable, wrap } from '../render-table.ts';
import { renderAge } from '../render-units.ts';
import type { Terminal } from '../terminal.ts';

type Row = Readonly<Record<string, unknown>>;

/** Tells a person what the demo does: every statement, what came of it and how long it took. */
interface Narrator {
  /** Begins a numbered step. */
  step(title: string, explanation: string): void;
  /** Shows something for people to do. */
  tell(advice: string): void;
  /** Shows a statement, runs it and shows its rows, if it has any. */
  run<R extends Row>(sql: string, params?: readonly unknown[]): Promise<readonly R[]>;
  /** Runs a statement and shows nothing. */
  read<R extends Row>(sql: string): Promise<readonly R[]>;
  /** Runs a statement that has to fail; its message. */
  runToFail(sql: string): Promise<string>;
}

const INDENT = '    ';
const MAX_WIDTH = 120;

export function createNarrator(
  db: Queryable,
  { terminal, clock = systemClock }: { terminal: Terminal; clock?: Clock },
): Narrator {
  const { style } = terminal;
  const width = Math.min(terminal.columns, MAX_WIDTH);
  let number = 0;

  const show = (lines: readonly string[]) => {
    for (const line of lines) terminal.print(line);
  };
  const showTime = (startedMs: number) => terminal.print(style.dim(`${INDENT}${renderAge(clock.nowMs() - startedMs)}`));

  return {
    step(title, explanation) {
      number += 1;
      terminal.print(`\n${style.bold(`${number}. ${title}`)}`);
      show(wrap(explanation, width - 3).map((line) => `   ${line}`));
    },
    tell(advice) {
      terminal.print(INDENT + advice);
    },
    async run<R extends Row>(sql: string, params?: readonly unknown[]) {
      terminal.print();
      show(dedent(sql).map((line) => style.cyan(INDENT + line)));
      const startedMs = clock.nowMs();
      const { rows } = await db.query<R>(sql, params);
      const names = Object.keys(rows[0] ?? {});
      const cells = rows.map((row) => names.map((name) => renderCell(row[name])));
      // A function that returns void gives one empty cell.
      if (cells.flat().some((cell) => cell !== '')) {
        const [header = '', ...lines] = renderTable(names, cells, { indent: INDENT, width });
        show([style.dim(header), ...lines]);
      }
      showTime(startedMs);
      return rows;
    },
    read: async <R extends Row>(sql: string) => (await db.query<R>(sql)).rows,
    async runToFail(sql) {
      terminal.print();
      show(dedent(sql).map((line) => style.cyan(INDENT + line)));
      const startedMs = clock.nowMs();
      const message = await errorOf(db, sql);
      terminal.print(`${INDENT}${style.red('ERROR:')} ${message}`);
      showTime(startedMs);
      return message;
    },
  };
}

async function errorOf(db: Queryable, sql: string): Promise<string> {
  try {
    await db.query(sql);
  } catch (error) {
    if (sqlStateOf(error) === undefined) throw error;
    return messageOf(error);
  }
  throw new Error(`expected the database to refuse: ${sql}`);
}

/** The lines of a statement without the indentation that they share in the source. */
function dedent(sql: string): string[] {
  const lines = sql.replace(/^\n/, '').trimEnd().split('\n');
  const margin = Math.min(...lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)));
  return lines.map((line) => line.slice(margin));
}

function renderCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString().slice(11, 23);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** One thing that the demo shows; fails when it does not turn out as told. */
export type DemoStep = (narrator: Narrator) => Promise<void>;

/** Makes sure that what the demo tells is what happened. */
export function demand(isTrue: boolean, claim: string): void {
  if (!isTrue) throw new Error(`the demo expected that ${claim}`);
}
