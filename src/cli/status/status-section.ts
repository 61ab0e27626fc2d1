import type { Queryable } from '../../db/query.ts';
import { printTable, wrap } from '../render-table.ts';
import type { Terminal } from '../terminal.ts';

/** One part of what `lamplighter status` shows. */
export interface StatusSection {
  readonly title: string;
  /** What there is to show now; may fail for rights, as a whole. */
  read(db: Queryable): Promise<StatusReading>;
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

export function createStatusScreen(terminal: Terminal, at: Date): StatusScreen {
  const { style } = terminal;
  let isFirst = true;
  return {
    at,
    title(title, more = '') {
      terminal.print(`${isFirst ? '' : '\n'}${style.bold(title)}${more}`);
      isFirst = false;
    },
    table(header, rows) {
      printTable(terminal, header, rows, '  ');
    },
    line(text) {
      const width = terminal.isScreen ? terminal.columns - 2 : Number.POSITIVE_INFINITY;
      for (const line of wrap(text, width)) terminal.print(`  ${line}`);
    },
  };
}
