import { expect, test } from 'vitest';
import type { TaskStatus } from '../../client/tasks/task-status.ts';
import { openTerminal } from '../terminal.ts';
import { createTaskProgress } from './task-progress.ts';

const BUILD: TaskStatus = {
  jobid: 7,
  username: 'ann',
  state: 'running',
  queuedAt: new Date(0),
  attempt: 1,
  blockedBy: [30_401],
  progressPhase: 'waiting for writers before build',
  progressPercent: 0,
};

test('a terminal of 80 columns shows what is in the way of a build', () => {
  const lines: string[] = [];
  const terminal = { ...openTerminal(), columns: 80, showStatus: (text = '') => lines.push(text) > 0 };
  createTaskProgress(terminal)(BUILD);
  expect(lines[0]).toContain('blocked by backend 30401');
  expect(lines[0]?.length).toBeLessThanOrEqual(80);
});

test('where there is no terminal a line tells the same, once', () => {
  const lines: string[] = [];
  const terminal = { ...openTerminal(), showStatus: () => false, printError: (text: string) => void lines.push(text) };
  const show = createTaskProgress(terminal);
  const blocked = { ...BUILD, blockedBy: [30_401, 0] };
  show(blocked);
  show(blocked);
  expect(lines).toEqual([
    '  task 7: blocked by backend 30401 and a prepared transaction, waiting for writers before build, 0 %',
  ]);
});
