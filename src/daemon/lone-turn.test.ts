import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createLoneTurn } from './lone-turn.ts';

const never = new AbortController().signal;

function createLog() {
  const log: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string) => () => {
    log.push(`${name} begins`);
    return new Promise<void>((resolve) => ends.set(name, resolve)).then(() => void log.push(`${name} ends`));
  };
  const end = async (name: string) => {
    await nextTurn();
    ends.get(name)?.();
    await nextTurn();
  };
  return { log, work, end };
}

test('what runs alone waits for companions, and companions that come later wait for it', async () => {
  const turn = createLoneTurn();
  const { log, work, end } = createLog();
  const all = [
    turn.among(never, work('a')),
    turn.among(never, work('b')),
    turn.alone(never, work('lone')),
    turn.among(never, work('c')),
  ];
  for (const name of ['a', 'b', 'lone', 'c']) await end(name);
  await Promise.all(all);
  expect(log).toEqual(['a begins', 'b begins', 'a ends', 'b ends', 'lone begins', 'lone ends', 'c begins', 'c ends']);
});

test('one that is aborted while it waits holds up nobody', async () => {
  const turn = createLoneTurn();
  const { log, work, end } = createLog();
  const a = turn.among(never, work('a'));
  const controller = new AbortController();
  const lone = turn.alone(controller.signal, work('lone'));
  const b = turn.among(never, work('b'));
  controller.abort(new Error('stopping'));
  await expect(lone).rejects.toThrow('stopping');
  await end('a');
  await end('b');
  await Promise.all([a, b]);
  expect(log).toEqual(['a begins', 'b begins', 'a ends', 'b ends']);
});
