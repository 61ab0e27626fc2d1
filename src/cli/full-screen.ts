import process from 'node:process';
import { eastAsianWidth } from 'get-east-asian-width';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
const CTRL_C = '\u0003';
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what terminals take for colours
const COLOUR = /^\u001b\[[0-9;]*m/;

/** The whole window, as long as it is open; what was there before comes back when it is closed, the cursor with it. */
export interface FullScreen extends Disposable {
  readonly columns: number;
  readonly rows: number;
  /** Replaces the screen by one write, so that it does not flicker; lines beyond the window are cut. */
  draw(lines: readonly string[]): void;
}

export interface FullScreenEvents {
  onKey(key: string): void;
  onResize(): void;
}

/** Undefined where the output is no screen that can be drawn on. Ctrl-C goes on to interrupt the process. */
export function openFullScreen({ onKey, onResize }: FullScreenEvents): FullScreen | undefined {
  const { stdin, stdout } = process;
  if (stdout.isTTY !== true || process.env['TERM'] === 'dumb') return undefined;
  const hasKeys = stdin.isTTY === true;
  const hear = (keys: Buffer) => {
    for (const key of keys.toString('latin1')) {
      if (key === CTRL_C) process.kill(process.pid, 'SIGINT');
      else onKey(key);
    }
  };
  let isOpen = true;
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    process.removeListener('exit', close);
    stdout.removeListener('resize', onResize);
    if (hasKeys) {
      stdin.removeListener('data', hear);
      stdin.setRawMode(false);
      stdin.pause();
    }
    stdout.write(LEAVE);
  };
  process.on('exit', close);
  stdout.on('resize', onResize);
  if (hasKeys) {
    stdin.setRawMode(true);
    stdin.on('data', hear);
  }
  stdout.write(ENTER);
  return {
    // Some pseudo-terminals say 0.
    get columns() {
      return stdout.columns || 80;
    },
    get rows() {
      return stdout.rows || 24;
    },
    draw(lines) {
      if (!isOpen) return;
      // A character in the last column would leave the cursor on it, for the end of the line to be cleared.
      const width = this.columns - 1;
      const shown = lines.slice(0, this.rows).map((line) => `${cutLine(line, width)}${CLEAR_LINE}`);
      stdout.write(`${HOME}${shown.join('\r\n')}${CLEAR_BELOW}`);
    },
    [Symbol.dispose]: close,
  };
}

/** The beginning of a line that fits, colours not counted. */
export function cutLine(line: string, width: number): string {
  let rest = line;
  let taken = '';
  let left = width;
  while (rest !== '') {
    const colour = COLOUR.exec(rest)?.[0];
    const next = colour ?? String.fromCodePoint(rest.codePointAt(0) ?? 0);
    if (colour === undefined) left -= eastAsianWidth(next.codePointAt(0) ?? 0);
    if (left < 0) return `${taken}${line.includes('\u001b[') ? '\u001b[0m' : ''}`;
    taken += next;
    rest = rest.slice(next.length);
  }
  return taken;
}
