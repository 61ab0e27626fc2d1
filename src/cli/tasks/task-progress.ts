import type { TaskStatus } from '../../client/tasks/task-status.ts';
import { type Clock, systemClock } from '../../core/clock.ts';
import { toPrintable } from '../../core/printable.ts';
import { cut } from '../render-table.ts';
import { renderAge } from '../render-units.ts';
import type { Terminal } from '../terminal.ts';
import { blockedByText } from './render-task.ts';

const BAR_CELLS = 24;
/** Where there is no screen, a line comes at most this often while nothing but the percentage changes. */
const LINE_MS = 10_000;
/** What came before that says little about the speed now. */
const SPEED_WINDOW_MS = 15_000;

interface Sample {
  readonly atMs: number;
  readonly percent: number;
}

/**
 * Shows the progress of a task: a bar on a terminal, with speed, remaining time and blocking sessions; otherwise plain lines on standard
 * error.
 */
export function createTaskProgress(terminal: Terminal, clock: Clock = systemClock): (task: TaskStatus) => void {
  const startedMs = clock.nowMs();
  let samples: readonly Sample[] = [];
  let lineMs = Number.NEGATIVE_INFINITY;
  let lineHead = '';

  /** Percent a second; undefined while it cannot be told. */
  function speed(percent: number): number | undefined {
    const atMs = clock.nowMs();
    const isNewStatement = percent < (samples.at(-1)?.percent ?? 0);
    const kept = isNewStatement ? [] : samples.filter((sample) => atMs - sample.atMs <= SPEED_WINDOW_MS);
    samples = [...kept, { atMs, percent }];
    const [first] = samples;
    if (first === undefined || atMs - first.atMs < 1_000) return undefined;
    return ((percent - first.percent) / (atMs - first.atMs)) * 1_000;
  }

  return (task) => {
    const { state, reason, progressPhase, progressPercent: percent, leftMs, blockedBy } = task;
    const perSecond = percent === undefined ? undefined : speed(percent);
    // What is in the way comes first, as a narrow terminal cuts the end off.
    const head = [blockedByText(blockedBy), progressPhase ?? state, reason]
      .filter((part) => part !== undefined)
      .join(', ');
    const figures = [
      perSecond !== undefined && perSecond > 0 ? `${perSecond.toFixed(perSecond < 10 ? 1 : 0)} %/s` : undefined,
      leftMs !== undefined && leftMs > 0 && percent !== undefined && percent < 100
        ? `${renderAge(leftMs)} left`
        : undefined,
    ].filter((part) => part !== undefined);
    const age = renderAge(clock.nowMs() - startedMs);
    const share = percent === undefined ? [] : [bar(percent)];
    const line = `  ${[...share, ...figures, age, head].join('  ')}`;
    if (terminal.showStatus(cut(toPrintable(line), terminal.columns))) return;
    if (head === lineHead && clock.nowMs() - lineMs < LINE_MS) return;
    lineHead = head;
    lineMs = clock.nowMs();
    const told = [head, percent === undefined ? undefined : `${Math.floor(percent)} %`, ...figures];
    terminal.printError(`  task ${task.jobid}: ${toPrintable(told.filter((part) => part !== undefined).join(', '))}`);
  };
}

function bar(percent: number): string {
  const filled = Math.round((Math.min(100, Math.max(0, percent)) / 100) * BAR_CELLS);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_CELLS - filled)} ${String(Math.floor(percent)).padStart(3)} %`;
}
