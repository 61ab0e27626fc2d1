import type { Queryable } from '../../db/query.ts';
import { renderTable } from '../render-table.ts';
import type { Terminal } from '../terminal.ts';

/** One part of what `lamplighter status` shows. */
export interface StatusSection {
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
      const [title = '', ...lines] = renderTable(header, rows, { indent: '  ', width: terminal.columns });
      terminal.print([style.dim(title), ...lines].join('\n'));
    },
    line: (text) => terminal.print(`  ${text}`),
  };
}
