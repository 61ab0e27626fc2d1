import { describe, expect, test } from 'vitest';
import type { Clock } from '../../core/clock.ts';
import type { PullEvent } from '../../models/files/pull-event.ts';
import type { Style, Terminal } from '../terminal.ts';
import { findSpec } from './model-arguments.ts';
import { createPullProgress } from './pull-progress.ts';

const SPEC = findSpec('BAAI/bge-small-en');
const mark = (text: string) => text;
const plain: Style = { bold: mark, dim: mark, red: mark, green: mark, yellow: (text) => `<${text}>`, cyan: mark };

function setUp({ hasStatusLine }: { hasStatusLine: boolean }) {
  const lines: string[] = [];
  const statuses: string[] = [];
  let nowMs = 0;
  const terminal: Terminal = {
    isInteractive: false,
    isScreen: hasStatusLine,
    columns: 100,
    style: plain,
    errorStyle: plain,
    logs: { isPretty: false, isColoured: false },
    print: () => undefined,
    printError: (text) => lines.push(text),
    showStatus(text = '') {
      if (hasStatusLine) statuses.push(text);
      return hasStatusLine;
    },
  };
  const clock: Clock = { nowMs: () => nowMs, delay: () => Promise.resolve() };
  const show = createPullProgress(terminal, SPEC, clock);
  const at = (ms: number, event: PullEvent) => {
    nowMs = ms;
    show(event);
  };
  const progress = (doneBytes: number): PullEvent => ({
    kind: 'progress',
    file: 'onnx/model.onnx',
    doneBytes,
    totalBytes: 100_000_000,
  });
  return { lines, statuses, at, progress };
}

describe('on a terminal', () => {
  test('a bar shows share, amount, speed and time left', () => {
    const { statuses, at, progress } = setUp({ hasStatusLine: true });
    at(0, progress(0));
    at(2_000, progress(50_000_000));
    at(4_000, progress(100_000_000));
    expect(statuses).toEqual([
      '  ░░░░░░░░░░░░░░░░░░░░░░░░   0 %  0 bytes of 100 MB  onnx/model.onnx',
      '  ████████████░░░░░░░░░░░░  50 %  50 MB of 100 MB  25 MB/s  2 s left  onnx/model.onnx',
      '  ████████████████████████ 100 %  100 MB of 100 MB  25 MB/s  onnx/model.onnx',
    ]);
  });

  test('it is drawn ten times a second at most, and at the end', () => {
    const { statuses, at, progress } = setUp({ hasStatusLine: true });
    for (let ms = 0; ms <= 1_000; ms += 5) at(ms, progress(ms * 99_000));
    at(1_001, progress(100_000_000));
    expect(statuses.length).toBeLessThanOrEqual(12);
    expect(statuses.at(-1)).toContain('100 %');
  });
});

describe('elsewhere', () => {
  test('a line comes every ten seconds at most, and at the end', () => {
    const { lines, at, progress } = setUp({ hasStatusLine: false });
    for (let ms = 0; ms < 25_000; ms += 500) at(ms, progress(ms * 4_000));
    at(25_000, progress(100_000_000));
    const { name } = SPEC;
    expect(lines).toEqual([
      `  ${name}: 0 %, 0 bytes of 100 MB`,
      `  ${name}: 40 %, 40 MB of 100 MB`,
      `  ${name}: 80 %, 80 MB of 100 MB`,
      `  ${name}: 100 %, 100 MB of 100 MB`,
    ]);
  });

  test('what a server says cannot steer the terminal, and our own marks stay', () => {
    const { lines, at } = setUp({ hasStatusLine: false });
    at(0, { kind: 'retrying', reason: 'a\u001b[2Jb' });
    expect(lines).toEqual(['  <retry:> a\ufffd[2Jb']);
  });
});
