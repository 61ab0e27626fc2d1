import { cut } from './render-table.ts';
import { renderAge } from './render-units.ts';
import type { Terminal } from './terminal.ts';

const BAR_CELLS = 24;
const LEAST_CELLS = 6;
/** What came before that says little about the rate now. */
const RATE_WINDOW_MS = 5_000;

/** How fast something goes, of late. */
export interface RateMeter {
  note(atMs: number, done: number): void;
  /** Per second; undefined while too little is known. */
  readonly perSecond: number | undefined;
}

export function createRateMeter(): RateMeter {
  let samples: readonly { readonly atMs: number; readonly done: number }[] = [];
  return {
    note(atMs, done) {
      samples = [...samples.filter((sample) => atMs - sample.atMs <= RATE_WINDOW_MS), { atMs, done }];
    },
    get perSecond() {
      const [first] = samples;
      const last = samples.at(-1);
      if (first === undefined || last === undefined || last.atMs - first.atMs < 500) return undefined;
      const rate = ((last.done - first.done) / (last.atMs - first.atMs)) * 1_000;
      return rate > 0 ? rate : undefined;
    },
  };
}

export interface RowProgress {
  /** What the rows are of. */
  readonly name: string;
  readonly done: number;
  /** Undefined while nobody knows. */
  readonly total: number | undefined;
  readonly perSecond: number | undefined;
}

/** `43 %, 4,300 of 10,000 rows, 512 rows/s, 11 s left`, as far as known. */
export function describeRows({ done, total, perSecond }: RowProgress): string {
  const percent = total === undefined || total === 0 ? [] : [`${Math.floor((100 * Math.min(done, total)) / total)} %`];
  const amount = total === undefined ? `${count(done)} rows` : `${count(done)} of ${count(total)} rows`;
  const rate = perSecond === undefined ? [] : [`${count(Math.round(perSecond))} rows/s`];
  const leftMs = total === undefined || perSecond === undefined ? undefined : ((total - done) / perSecond) * 1_000;
  const left = leftMs === undefined || leftMs <= 0 ? [] : [`${renderAge(Math.max(1_000, leftMs))} left`];
  return [...percent, amount, ...rate, ...left].join(', ');
}

/** One line with a bar, as wide as the terminal at most: what it says goes before the bar where there is little room. */
export function renderBar(
  { errorStyle, columns }: Pick<Terminal, 'errorStyle' | 'columns'>,
  progress: RowProgress,
): string {
  const { name, done, total } = progress;
  const text = `${name}  ${describeRows(progress)}`;
  const cells = Math.min(BAR_CELLS, columns - 4 - text.length);
  if (cells < LEAST_CELLS) return `  ${cut(text, columns - 3)}`;
  const share = total === undefined || total === 0 ? 0 : Math.min(1, done / total);
  const filled = Math.round(share * cells);
  const bar = `${errorStyle.green('█'.repeat(filled))}${errorStyle.dim('░'.repeat(cells - filled))}`;
  return `  ${bar} ${text}`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
