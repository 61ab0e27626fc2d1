import type { Queryable } from '../../db/query.ts';
import { listProcesses } from '../../monitoring/lists/list-processes.ts';
import { type Figures, readFigures } from '../../monitoring/read-figures.ts';
import { readRecent } from '../../monitoring/read-series.ts';
import type { ProcessRow, RecentFigures } from '../../monitoring/shapes.ts';
import { renderTable, wrap } from '../render-table.ts';
import type { Terminal } from '../terminal.ts';

/** One part of what `lamplighter status` shows. */
export interface StatusSection {
  readonly title: string;
  /** What there is to show now; may fail for rights, as a whole. */
  read(db: Queryable, measured: MeasuredStatus): Promise<StatusReading>;
}

/** What all sections of one sample share, so that they agree with each other, and with the dashboard and metrics. */
export interface MeasuredStatus {
  readonly figures: Figures;
  /** Figures of requests and of tasks; undefined for a role that sees only its own. */
  readonly recent: RecentFigures | undefined;
  readonly recentTasks: RecentFigures | undefined;
  readonly processes: readonly ProcessRow[];
  /** Whether any worker runs. */
  readonly isAnyRunning: boolean;
}

/** Reads it; costs the same however full the tables are. */
export async function measureStatus(db: Queryable): Promise<MeasuredStatus> {
  const figures = await readFigures(db);
  const processes = await listProcesses(db);
  return {
    figures,
    recent: figures.isOfAll ? await readRecent(db, 'requests') : undefined,
    recentTasks: figures.isOfAll ? await readRecent(db, 'tasks') : undefined,
    processes,
    isAnyRunning: processes.some(
      ({ kind, status }) => kind === 'worker' && (status === 'running' || status === 'sleeping'),
    ),
  };
}

/** What a section has read. */
export interface StatusReading {
  /** Its part of `--json`, under keys of its own. */
  readonly json: Readonly<Record<string, unknown>>;
  /** The same for people. */
  print(screen: StatusScreen): void;
}

/** Where sections print. */
export interface StatusScreen {
  /** Now, by the server's clock, as every time here. */
  readonly at: Date;
  /** Begins a section; `more` goes on after its title. */
  title(title: string, more?: string): void;
  table(header: readonly string[], rows: readonly (readonly string[])[]): void;
  line(text: string): void;
}

/** Collects what sections print, in lines of at most `width` characters where it can be. */
export function renderStatus(
  readings: readonly StatusReading[],
  { at, width, style }: { readonly at: Date; readonly width: number; readonly style: Terminal['style'] },
): readonly string[] {
  const lines: string[] = [];
  const screen: StatusScreen = {
    at,
    title(title, more = '') {
      if (lines.length > 0) lines.push('');
      lines.push(`${style.bold(title)}${more}`);
    },
    table(header, rows) {
      const [title = '', ...rest] = renderTable(header, rows, { indent: '  ', width });
      lines.push(style.dim(title), ...rest);
    },
    line(text) {
      lines.push(...wrap(text, width - 2).map((line) => `  ${line}`));
    },
  };
  for (const reading of readings) reading.print(screen);
  return lines;
}
