import process from 'node:process';
import { styleText } from 'node:util';

type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Marks text up on a terminal with colours, and leaves it alone anywhere else. */
export type Style = Readonly<Record<Colour, (text: string) => string>>;

/** Where a command prints: results go to standard output, errors to standard error. */
export interface Terminal {
  /** True when a person can be asked: input and output are a terminal. */
  readonly isInteractive: boolean;
  /** True when output goes to a screen. */
  readonly isScreen: boolean;
  readonly columns: number;
  readonly style: Style;
  readonly errorStyle: Style;
  /** Whether log lines are for people and in colours. */
  readonly logs: { readonly isPretty: boolean; readonly isColoured: boolean };
  print(text?: string): void;
  printError(text: string): void;
  /**
   * Shows a line on standard error that the next call replaces, and that goes before anything else is printed; false
   * where that is no screen, and nothing was shown. Without a text the line goes.
   */
  showStatus(text?: string): boolean;
}

const DEFAULT_COLUMNS = 80;

/** The process's own terminal. Colours follow `NO_COLOR`, `FORCE_COLOR` and `TERM`, and are never sent to a file or pipe. */
export function openTerminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  const hasColours = (stream: NodeJS.WriteStream) => stream.isTTY === true && stream.hasColors();
  // A terminal that cannot go back to the start of a line says so.
  const hasStatusLine = stderr.isTTY === true && process.env['TERM'] !== 'dumb';
  let isStatusShown = false;
  const showStatus = (text?: string) => {
    if (isStatusShown || (hasStatusLine && text !== undefined)) stderr.write(`\r\u001b[K${text ?? ''}`);
    isStatusShown = hasStatusLine && text !== undefined;
    return isStatusShown;
  };
  return {
    isInteractive: stdin.isTTY === true && stdout.isTTY === true,
    isScreen: stdout.isTTY === true,
    // Some pseudo-terminals say 0.
    columns: stdout.columns || stderr.columns || DEFAULT_COLUMNS,
    style: createStyle(hasColours(stdout)),
    errorStyle: createStyle(hasColours(stderr)),
    logs: { isPretty: stderr.isTTY === true, isColoured: hasColours(stderr) },
    print(text = '') {
      showStatus();
      stdout.write(`${text}\n`);
    },
    printError(text) {
      showStatus();
      stderr.write(`${text}\n`);
    },
    showStatus,
  };
}

function createStyle(isColoured: boolean): Style {
  const colour = (name: Colour) => (text: string) => (isColoured ? styleText(name, text) : text);
  return {
    bold: colour('bold'),
    dim: colour('dim'),
    red: colour('red'),
    green: colour('green'),
    yellow: colour('yellow'),
    cyan: colour('cyan'),
  };
}
