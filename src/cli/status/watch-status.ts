import { systemClock } from '../../core/clock.ts';
import { hasCode, messageOf } from '../../core/errors.ts';
import { connectClient } from '../../db/connection/connect-client.ts';
import type { ConnectionSettings } from '../../db/connection/connection-settings.ts';
import type { Session } from '../../db/session.ts';
import type { Invocation } from '../cli-command.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { type FullScreen, openFullScreen } from '../full-screen.ts';
import { codeOfInterruption } from '../interruption.ts';
import { renderAge } from '../render-units.ts';
import { readSample, type StatusSample, sampleText } from './status-sample.ts';
import { renderStatus, type StatusSection } from './status-section.ts';

const INTERVAL_MS = 2_000;
/** Longest wait for one answer, after which the connection counts as lost. */
const ANSWER_MS = 15_000;

export interface StatusWatch {
  readonly settings: ConnectionSettings;
  readonly sections: readonly StatusSection[];
  /** Which database, for people. */
  readonly place: string;
  readonly isJson: boolean;
}

/** Where samples go. */
interface Viewer {
  show(sample: StatusSample): void;
  /** No sample could be read this time. */
  showLost(error: unknown): void;
}

/**
 * Shows a sample every two seconds until interrupted, or `q` is pressed: on a screen in the whole window, else one after the other. A database
 * that goes away is asked again until it is back; the first sample has to come.
 */
export async function watchStatus(invocation: Invocation, watch: StatusWatch): Promise<ExitCode> {
  const { interruption, terminal } = invocation;
  const leave = new AbortController();
  const signal = AbortSignal.any([interruption.first, leave.signal]);
  if (watch.isJson) await sampleUntil(signal, invocation, watch, listViewer(invocation, sampleText));
  else {
    let redraw = () => undefined as undefined;
    using screen = openFullScreen({
      onKey: (key) => {
        if (key === 'q' || key === 'Q') leave.abort();
      },
      onResize: () => redraw(),
    });
    if (screen === undefined) {
      const text = ({ readings, at }: StatusSample) =>
        `${renderStatus(readings, { at, width: Number.POSITIVE_INFINITY, style: terminal.style }).join('\n')}\n`;
      await sampleUntil(signal, invocation, watch, listViewer(invocation, text));
    } else {
      const viewer = windowViewer(screen, invocation, watch.place);
      redraw = () => void viewer.draw();
      await sampleUntil(signal, invocation, watch, viewer);
    }
  }
  return interruption.first.aborted ? codeOfInterruption(interruption) : EXIT.done;
}

async function sampleUntil(
  signal: AbortSignal,
  { log }: Invocation,
  { settings, sections }: StatusWatch,
  viewer: Viewer,
): Promise<void> {
  let session: Session | undefined;
  let isFirst = true;
  const cut = () => session?.destroy();
  signal.addEventListener('abort', cut, { once: true });
  try {
    while (!signal.aborted) {
      try {
        session ??= await connectClient(settings, {
          applicationName: 'lamplighter',
          queryTimeoutMs: ANSWER_MS,
          signal,
          log,
        });
        viewer.show(await readSample(session, sections, settings.user));
        isFirst = false;
      } catch (error) {
        if (signal.aborted) break;
        if (isFirst || hasCode(error, 'PERMISSION_DENIED') || hasCode(error, 'SCHEMA_MISSING')) throw error;
        session?.destroy();
        session = undefined;
        viewer.showLost(error);
      }
      await systemClock.delay(INTERVAL_MS, signal);
    }
  } finally {
    signal.removeEventListener('abort', cut);
    await session?.end();
  }
}

/** One after the other, for files, pipes and programs. A lost database is told on standard error, once. */
function listViewer({ terminal }: Invocation, textOf: (sample: StatusSample) => string): Viewer {
  let isLost = false;
  return {
    show(sample) {
      isLost = false;
      terminal.print(textOf(sample));
    },
    showLost(error) {
      if (!isLost) terminal.printError(`${messageOf(error)}; trying again`);
      isLost = true;
    },
  };
}

/** Shows samples in a window: the last one with its age while the database is away, and a word about what does not fit. */
function windowViewer(
  screen: FullScreen,
  { terminal: { style } }: Invocation,
  place: string,
): Viewer & { draw(): void } {
  let last: { readonly sample: StatusSample; readonly readMs: number } | undefined;
  let lost: string | undefined;

  function draw(): void {
    if (last === undefined) return;
    const { at, readings } = last.sample;
    const age = lost === undefined ? '' : ` (${renderAge(systemClock.nowMs() - last.readMs)} ago)`;
    const head = `${style.bold('lamplighter status')}  ${at.toISOString().slice(11, 19)} UTC${age}  q leaves  ${place}`;
    const trouble = lost === undefined ? [] : [style.red(`no connection, trying again: ${lost}`)];
    const lines = [head, ...trouble, '', ...renderStatus(readings, { at, width: screen.columns - 1, style })];
    const hidden = lines.length - screen.rows;
    screen.draw(
      hidden <= 0
        ? lines
        : [
            ...lines.slice(0, screen.rows - 1),
            style.dim(`lines that do not fit: ${hidden + 1}; see lamplighter status`),
          ],
    );
  }

  return {
    draw,
    show(sample) {
      last = { sample, readMs: systemClock.nowMs() };
      lost = undefined;
      draw();
    },
    showLost(error) {
      lost = messageOf(error).replaceAll(/\s+/g, ' ');
      draw();
    },
  };
}
