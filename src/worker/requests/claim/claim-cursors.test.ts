import { beforeEach, expect, test } from 'vitest';
import type { Queryable } from '../../../db/query.ts';
import { type ClaimCursors, createClaimCursors } from './claim-cursors.ts';

interface Row {
  readonly username: string;
  readonly priority: number;
  readonly id: number;
  readonly isLocked?: boolean;
}
const lane = { functionName: 'embed', model: 'default' } as const;
const at = (id: number) => `2026-01-01 00:00:00.${String(id).padStart(6, '0')}+00`;

let rows: Row[];
let scans: number[];
let nowMs: number;
let cursors: ClaimCursors;

/** Lists and claims as the two functions of the database do, without their speed or safety: only the turns are tested here. */
const db: Queryable = {
  async query<R extends object>(text: string, params: readonly unknown[] = []) {
    const answer = text.includes('at_once') ? scanAndClaim : text.includes('list_ready') ? list : claim;
    return { rows: answer(params) as R[] };
  },
};
function list(params: readonly unknown[]) {
  const perRole = Number(params[2]);
  scans.push(perRole);
  const heads: Row[] = [];
  for (const username of [...new Set(rows.map((row) => row.username))].sort()) {
    const own = rows.filter((row) => row.username === username);
    const priorities = [...new Set(own.map(({ priority }) => priority))].sort((a, b) => b - a).slice(0, perRole);
    for (const priority of priorities) heads.push(...own.filter((row) => row.priority === priority).slice(0, 1));
  }
  return heads.map((row) => ({
    function_name: 'embed',
    model: 'default',
    created_us: at(row.id),
    ...row,
    id: String(row.id),
    seen_us: '0',
  }));
}
function claim(params: readonly unknown[]) {
  const [, , , , usernames, priorities, , lows, , share, limit] = params as [
    0,
    0,
    0,
    0,
    string[],
    number[],
    0,
    string[],
    string,
    number,
    number,
  ];
  const taken: Row[] = [];
  let shared = 0;
  usernames.forEach((username, n) => {
    if (username !== usernames[n - 1]) {
      const roles = new Set(usernames.slice(n)).size;
      shared = Math.min(share, Math.ceil((limit - taken.length) / roles));
    }
    const found = rows.filter(
      (row) =>
        row.username === username &&
        row.priority === priorities[n] &&
        row.id >= Number(lows[n]) &&
        row.isLocked !== true,
    );
    const given = found.slice(0, shared);
    shared -= given.length;
    taken.push(...given);
  });
  rows = rows.filter((row) => !taken.includes(row));
  return taken.map((row) => ({
    ...row,
    id: String(row.id),
    request_id: '',
    parameters: {},
    created_us: at(row.id),
    attempt: 1,
    retry_count: 0,
  }));
}

function scanAndClaim(params: readonly unknown[]) {
  const [, , , , [limit = 0]] = params as [string, number, string[], string[], number[]];
  const heads = list([[], [], limit]);
  scans.pop();
  const free = rows.filter((row) => row.isLocked !== true);
  const levels = [heads.map(({ username }) => username), heads.map(({ priority }) => priority)];
  const taken =
    free.length <= limit ? claim([0, 0, 0, 0, ...levels, 0, heads.map(({ id }) => id), '', limit, 4 * limit]) : [];
  return [...taken, ...(heads.length > 0 && taken.length === 0 ? [{ id: null }] : [])].map((row) => ({
    function_name: 'embed',
    model: 'default',
    ...row,
  }));
}

beforeEach(() => {
  rows = [];
  scans = [];
  nowMs = 0;
  cursors = createClaimCursors(db, { nowMs: () => nowMs, delay: async () => undefined });
});

const flood = (username: string, count: number, priority = 0) =>
  rows.push(...Array.from({ length: count }, (_, n) => ({ username, priority, id: rows.length + n + 1 })));
const claimNames = async (limit: number) =>
  (await cursors.claim({ workerId: 'w', claimNumber: 1 }, lane, limit)).map(({ username }) => username);

test('roles take turns, one request at a time', async () => {
  for (const username of ['ann', 'bob', 'cid']) flood(username, 3);
  await cursors.scan([lane]);
  const order: string[] = [];
  for (let n = 0; n < 9; n += 1) order.push(...(await claimNames(1)));
  expect(order).toEqual(['ann', 'bob', 'cid', 'ann', 'bob', 'cid', 'ann', 'bob', 'cid']);
});

test('turns go on across scans', async () => {
  for (const username of ['ann', 'bob', 'cid']) flood(username, 2);
  const order: string[] = [];
  for (let n = 0; n < 4; n += 1) {
    await cursors.scan([lane]);
    order.push(...(await claimNames(1)));
  }
  expect(order).toEqual(['ann', 'bob', 'cid', 'ann']);
});

test('a large claim is shared evenly, and who has little leaves the rest to the others the next time', async () => {
  flood('ann', 100);
  flood('bob', 2);
  await cursors.scan([lane]);
  expect((await claimNames(20)).sort()).toEqual([...Array<string>(10).fill('ann'), 'bob', 'bob']);
  expect(await claimNames(20)).toEqual(Array<string>(20).fill('ann'));
});

test('turns go on across claims of any size', async () => {
  for (const username of ['ann', 'bob', 'cid', 'dan']) flood(username, 24);
  await cursors.scan([lane]);
  const order: string[] = [];
  for (const limit of [1, 5, 2, 11, 3, 4, 7, 1, 6, 13, 9, 10, 8]) order.push(...(await claimNames(limit)));
  expect(order).toEqual(Array.from({ length: 20 }, () => ['ann', 'bob', 'cid', 'dan']).flat());
});

test('who has nothing left is not asked again; who gave all that was asked for is, even where others gave less', async () => {
  flood('ann', 2);
  flood('bob', 9);
  flood('cid', 1);
  await cursors.scan([lane]);
  expect(await claimNames(7)).toEqual(['ann', 'bob', 'cid', 'ann', 'bob', 'bob']);
  expect(await claimNames(7)).toEqual(Array<string>(6).fill('bob'));
  expect(cursors.hasReady(lane)).toBe(false);
});

test('a lane that gives nothing is forgotten until the next scan', async () => {
  rows.push({ username: 'ann', priority: 0, id: 1, isLocked: true });
  await cursors.scan([lane]);
  expect([cursors.hasReady(lane), await claimNames(5), cursors.hasReady(lane)]).toEqual([true, [], false]);
  expect(cursors.isDue()).toBe(true);
});

test('a scan that finds only what is locked makes the next one go deeper, until nothing is found', async () => {
  rows = Array.from({ length: 20 }, (_, n) => ({ username: 'ann', priority: 20 - n, id: n + 1, isLocked: n < 19 }));
  for (let n = 0; n < 3; n += 1) {
    await cursors.scan([lane]);
    await claimNames(5);
  }
  expect(scans).toEqual([8, 16, 32]);
  expect(rows).toHaveLength(19);
  rows = [];
  await cursors.scan([lane]);
  await cursors.scan([lane]);
  expect(scans.at(-1)).toBe(8);
});

const claimAtOnceNames = async (most: number) =>
  (await cursors.scanAndClaim({ workerId: 'w', claimNumber: 1 }, [{ ...lane, most }])).map(({ username }) => username);

test('who knows of nothing claims all that is ready at once, roles in turn', async () => {
  flood('ann', 3);
  flood('bob', 1);
  expect(cursors.isUnknown()).toBe(true);
  expect(await claimAtOnceNames(4)).toEqual(['ann', 'bob', 'ann', 'ann']);
  expect([cursors.isUnknown(), cursors.isDue()]).toEqual([true, true]);
  expect(await claimAtOnceNames(4)).toEqual([]);
  expect(cursors.isUnknown()).toBe(true);
});

test.each([
  ['too much', false],
  ['locked', true],
])('what is %s for that needs scans, until one finds nothing', async (_, isLocked) => {
  rows = Array.from({ length: 5 }, (_unused, n) => ({ username: 'ann', priority: 0, id: n + 1, isLocked }));
  expect([await claimAtOnceNames(4), cursors.isUnknown()]).toEqual([[], false]);
  await cursors.scan([lane]);
  expect(await claimNames(9)).toHaveLength(isLocked ? 0 : 5);
  expect(cursors.isUnknown()).toBe(false);
  rows = [];
  await cursors.scan([lane]);
  expect(cursors.isUnknown()).toBe(true);
});

test('turns go on from a claim at once', async () => {
  flood('ann', 1);
  expect(await claimAtOnceNames(2)).toEqual(['ann']);
  for (const username of ['ann', 'bob', 'cid']) flood(username, 2);
  await cursors.scan([lane]);
  expect([...(await claimNames(1)), ...(await claimNames(1)), ...(await claimNames(1))]).toEqual(['bob', 'cid', 'ann']);
});

test('scans that nobody claims from do not go deeper', async () => {
  flood('ann', 5);
  for (let n = 0; n < 4; n += 1) await cursors.scan([lane]);
  expect(scans).toEqual([8, 8, 8, 8]);
});

test('another scan is due after a second at the latest, or when told so', async () => {
  flood('ann', 5);
  nowMs = 10_000;
  await cursors.scan([lane]);
  nowMs += 1;
  cursors.expire();
  expect(cursors.isDue()).toBe(true);
  await cursors.scan([lane]);
  nowMs += 1_001;
  expect(cursors.isDue()).toBe(true);
});
