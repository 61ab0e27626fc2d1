import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { withFileLock } from '../../../src/models/files/file-lock.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lamplighter-lock-'));
  path = join(folder, 'deep', 'lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const never = new AbortController().signal;
/** A clock whose every pause is short and counts as long. */
function hastyClock(factor: number): Clock {
  const start = systemClock.nowMs();
  return {
    nowMs: () => (systemClock.nowMs() - start) * factor,
    delay: (ms, signal) => systemClock.delay(ms / factor, signal),
  };
}
const options = (more: object = {}) => ({ signal: never, clock: systemClock, ...more });

test('works one after the other, in one process too', async () => {
  let running = 0;
  let most = 0;
  const work = async () => {
    running += 1;
    most = Math.max(most, running);
    await systemClock.delay(5);
    running -= 1;
  };
  await Promise.all(Array.from({ length: 8 }, () => withFileLock(path, options({ clock: hastyClock(20) }), work)));
  expect(most).toBe(1);
  expect(existsSync(path)).toBe(false);
});

test('is free again after work that failed', async () => {
  const failing = withFileLock(path, options(), () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  expect(await withFileLock(path, options(), async () => 'yes')).toBe('yes');
});

test('waits no longer than its signal', async () => {
  await withFileLock(path, options(), async () => {
    const stop = new AbortController();
    const waiting = withFileLock(
      path,
      options({ signal: stop.signal, onWait: () => stop.abort(new Error('stop')) }),
      async () => 1,
    );
    await expect(waiting).rejects.toThrow('stop');
  });
});

test('tells once who has it', async () => {
  const told: string[] = [];
  await withFileLock(path, options(), async () => {
    const stop = new AbortController();
    let looks = 0;
    const clock: Clock = {
      nowMs: systemClock.nowMs,
      async delay() {
        looks += 1;
        if (looks === 5) stop.abort(new Error('stop'));
      },
    };
    const more = { signal: stop.signal, clock, onWait: (holder: string) => told.push(holder) };
    await expect(withFileLock(path, options(more), async () => 1)).rejects.toThrow('stop');
  });
  expect(told).toEqual([`process ${process.pid} on ${hostname()}`]);
});

test('is taken over at once from a dead process of this machine', async () => {
  const { pid } = spawnSync(process.execPath, ['--version']);
  await withFileLock(path, options(), async () => undefined);
  writeFileSync(path, `${pid} ${hostname()} 1234\n`);
  expect(await withFileLock(path, options(), async () => 'mine')).toBe('mine');
});

test('is taken over at once from a process before a restart that had the same number', async () => {
  await withFileLock(path, options(), async () => undefined);
  writeFileSync(path, `${process.pid} ${hostname()} 1234\n`);
  expect(await withFileLock(path, options(), async () => 'mine')).toBe('mine');
});

test('is never taken from one who has just taken it over', async () => {
  const { pid } = spawnSync(process.execPath, ['--version']);
  let running = 0;
  const work = async () => {
    running += 1;
    expect(running).toBe(1);
    await systemClock.delay(2);
    running -= 1;
  };
  for (let round = 0; round < 25; round++) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${pid} ${hostname()} ${round}\n`);
    const clock = hastyClock(100);
    await Promise.all(Array.from({ length: 6 }, () => withFileLock(path, options({ clock }), work)));
  }
});

test.each([
  ['another machine', '1 elsewhere 1234\n'],
  ['nobody, as it was left half written', ''],
])('is taken over from %s after a minute of silence, by one of those who wait', async (_whom, text) => {
  await withFileLock(path, options(), async () => undefined);
  writeFileSync(path, text);
  const clock = hastyClock(200);
  const startMs = clock.nowMs();
  let running = 0;
  const work = async () => {
    running += 1;
    expect(running).toBe(1);
    await systemClock.delay(2);
    running -= 1;
  };
  await Promise.all(Array.from({ length: 4 }, () => withFileLock(path, options({ clock }), work)));
  expect(clock.nowMs() - startMs).toBeGreaterThan(60_000);
});

test('is not taken over from a machine that gives signs of life', async () => {
  await withFileLock(path, options(), async () => undefined);
  writeFileSync(path, '1 elsewhere 1234\n');
  const clock = hastyClock(200);
  const stop = new AbortController();
  const waiting = withFileLock(path, options({ clock, signal: stop.signal }), async () => 'mine');
  const startMs = clock.nowMs();
  while (clock.nowMs() - startMs < 90_000) {
    writeFileSync(path, '1 elsewhere 1234\n');
    await systemClock.delay(20);
  }
  stop.abort(new Error('stop'));
  await expect(waiting).rejects.toThrow('stop');
});
