import { type Clock, systemClock } from '../../core/clock.ts';
import { toPrintable } from '../../core/printable.ts';
import type { ModelSpec } from '../../models/files/model-files.ts';
import type { PullEvent } from '../../models/files/pull-event.ts';
import { cut } from '../render-table.ts';
import { renderAge, renderBytes } from '../render-units.ts';
import type { Terminal } from '../terminal.ts';

const BAR_CELLS = 24;
const REDRAW_MS = 100;
/** Where there is no screen, a line comes at most this often. */
const LINE_MS = 10_000;
/** What came before that says little about the speed now. */
const SPEED_WINDOW_MS = 5_000;

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

/** Shows how far a download is: a bar on a terminal, plain lines on standard error otherwise. */
export function createPullProgress(
  terminal: Terminal,
  { name }: ModelSpec,
  clock: Clock = systemClock,
): (event: PullEvent) => void {
  const { errorStyle } = terminal;
  const say = (text: string, mark = '') => terminal.printError(`  ${mark}${toPrintable(text)}`);
  let samples: readonly Sample[] = [];
  let shownMs = Number.NEGATIVE_INFINITY;
  let lineMs = Number.NEGATIVE_INFINITY;

  function show(doneBytes: number, totalBytes: number, file: string): void {
    const nowMs = clock.nowMs();
    const isEnd = doneBytes === totalBytes;
    if (nowMs - shownMs < REDRAW_MS && !isEnd) return;
    shownMs = nowMs;
    samples = [...samples.filter(({ atMs }) => nowMs - atMs <= SPEED_WINDOW_MS), { atMs: nowMs, bytes: doneBytes }];
    const amount = `${renderBytes(doneBytes)} of ${renderBytes(totalBytes)}`;
    const share = totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes);
    const filled = Math.round(share * BAR_CELLS);
    const bar = `${errorStyle.green('█'.repeat(filled))}${errorStyle.dim('░'.repeat(BAR_CELLS - filled))}`;
    const percent = `${Math.floor(share * 100)} %`;
    const rest = `${percent.padStart(5)}  ${amount}${speedText(samples, totalBytes)}  ${file}`;
    if (terminal.showStatus(`  ${bar} ${cut(rest, terminal.columns - BAR_CELLS - 4)}`)) return;
    if (nowMs - lineMs < LINE_MS && !(isEnd && lineMs !== Number.NEGATIVE_INFINITY)) return;
    lineMs = nowMs;
    say(`${name}: ${percent}, ${amount}`);
  }

  return (event) => {
    switch (event.kind) {
      case 'waiting':
        say(`${event.holder} fetches ${name} already; waiting for it`);
        break;
      case 'checking':
        terminal.showStatus(`  checking ${event.file}`);
        break;
      case 'retrying':
        say(event.reason, `${errorStyle.yellow('retry:')} `);
        break;
      case 'changed':
        say(`${event.file} is another one now than was pinned`);
        break;
      case 'progress':
        show(event.doneBytes, event.totalBytes, event.file);
        break;
    }
  };
}

function speedText(samples: readonly Sample[], totalBytes: number): string {
  const [first] = samples;
  const last = samples.at(-1);
  if (first === undefined || last === undefined || last.atMs - first.atMs < 500) return '';
  const perMs = (last.bytes - first.bytes) / (last.atMs - first.atMs);
  if (perMs <= 0) return '';
  const speed = `  ${renderBytes(perMs * 1_000)}/s`;
  if (last.bytes >= totalBytes) return speed;
  const leftS = Math.max(1, Math.round((totalBytes - last.bytes) / perMs / 1_000));
  return `${speed}  ${renderAge(leftS * 1_000)} left`;
}
