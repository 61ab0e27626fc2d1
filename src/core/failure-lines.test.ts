import { expect, test } from 'vitest';
import type { Clock } from './clock.ts';
import { createFailureLines } from './failure-lines.ts';
import { createLogger } from './log.ts';

function lined() {
  const lines: { readonly msg: string }[] = [];
  const log = createLogger({ destination: { write: (line) => void lines.push(JSON.parse(line)) } });
  const ends: (() => void)[] = [];
  const clock: Clock = {
    nowMs: () => 0,
    delay: (_, signal) =>
      new Promise((resolve) => {
        ends.push(resolve);
        signal?.addEventListener('abort', () => resolve(), { once: true });
      }),
  };
  const failures = createFailureLines({
    noun: 'tasks',
    one: 'a task failed',
    more: (count) => `${count} more tasks failed`,
    log,
    clock,
  });
  const fail = (times: number) => {
    for (let n = 0; n < times; n += 1) failures.tell({ jobid: String(n) }, 'no\n  way');
  };
  return { failures, fail, lines, endMinute: () => ends.shift()?.() };
}

test('each failure has a line, ten a minute; the rest is counted when the minute is over, and the next ones have lines again', async () => {
  const { fail, lines, endMinute } = lined();
  fail(12);
  expect(lines).toHaveLength(10);
  expect(lines[0]).toMatchObject({ jobid: '0', msg: 'a task failed: no way' });
  endMinute();
  await expect.poll(() => lines.at(-1)).toMatchObject({ tasks: 2, msg: '2 more tasks failed' });
  fail(1);
  expect(lines.slice(11)).toMatchObject([{ msg: 'a task failed: no way' }]);
});

test('a stop tells what was held back, and nothing where nothing was', async () => {
  const { failures, fail, lines } = lined();
  fail(11);
  await failures.stop();
  expect(lines.at(-1)).toMatchObject({ msg: '1 more tasks failed' });
  const quiet = lined();
  quiet.fail(3);
  await quiet.failures.stop();
  expect(quiet.lines).toHaveLength(3);
});

test('a long error is cut', () => {
  const { failures, lines } = lined();
  failures.tell({}, 'x'.repeat(1_000));
  expect(lines[0]?.msg).toHaveLength('a task failed: '.length + 300 + ' ..'.length);
});
