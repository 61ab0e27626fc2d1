import { expect, test } from 'vitest';
import { createSessionRoom, planConnections } from './connection-budget.ts';

const tasks = (wanted: number, isRequired = false) => ({ wanted, isRequired, flag: '--task-concurrency' });

test('a process without sessions of its own has a pool of three at most, and leaves room to listen and for short sessions', () => {
  expect([4, 5, 8, 100].map((max) => planConnections({ max }).pool)).toEqual([2, 3, 3, 3]);
});

test('the default of 8 is room for 4 tasks, of which the pool lends the last one', () => {
  expect(planConnections({ max: 8, sessions: tasks(4) })).toEqual({ max: 8, pool: 3, sessions: 4, borrowed: 1 });
});

test('where there is less room, fewer tasks run than by default', () => {
  const counts = [4, 5, 6, 7].map((max) => planConnections({ max, sessions: tasks(4) }).sessions);
  expect(counts).toEqual([1, 1, 2, 3]);
});

test('as many as were asked for run wherever one connection is left for the rest, and are refused with a number otherwise', () => {
  expect(planConnections({ max: 8, sessions: tasks(5, true) })).toEqual({ max: 8, pool: 3, sessions: 5, borrowed: 2 });
  expect(() => planConnections({ max: 8, sessions: tasks(6, true) })).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('--task-concurrency 6 does not fit into --max-connections 8'),
      hint: 'Give --max-connections 9 or more, or --task-concurrency 5.',
    }),
  );
});

test.each([4, 5, 6, 7, 8, 9, 12, 40])(
  'with %i connections no plan holds more, nor lends the last one of the pool',
  (max) => {
    for (let wanted = 0; wanted <= 40; wanted += 1) {
      const { pool, sessions, borrowed } = planConnections({ max, sessions: tasks(wanted) });
      expect(1 + 1 + pool + sessions - borrowed).toBeLessThanOrEqual(max);
      expect(pool).toBeGreaterThan(borrowed);
      if (wanted > 0) expect(sessions).toBeGreaterThan(0);
    }
  },
);

test('room is taken from what is free first, then borrowed, then refused; it is given back once', async () => {
  let ceded = 0;
  const pool = {
    async cede() {
      ceded += 1;
      return () => {
        ceded -= 1;
      };
    },
  };
  const room = createSessionRoom({ max: 8, pool: 3, sessions: 3, borrowed: 1 }, pool);
  const first = await room.take();
  await room.take();
  expect([room.free, ceded]).toEqual([1, 0]);
  const last = await room.take();
  expect([room.free, ceded]).toEqual([0, 1]);
  await expect(room.take()).rejects.toMatchObject({ code: 'TOO_MANY_CONNECTIONS' });
  last();
  last();
  expect([room.free, ceded]).toEqual([1, 0]);
  first();
  first();
  expect(room.free).toBe(2);
});

test('a spare session leaves room for one that is needed', async () => {
  const room = createSessionRoom(
    { max: 8, pool: 3, sessions: 2, borrowed: 0 },
    { cede: () => Promise.reject(new Error('nothing is to be borrowed')) },
  );
  const spare = room.takeSpare();
  expect(spare).toBeDefined();
  expect(room.takeSpare()).toBeUndefined();
  await room.take();
  expect(room.free).toBe(0);
});
