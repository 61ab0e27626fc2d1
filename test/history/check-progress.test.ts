import { expect, test } from 'vitest';
import { checkProgress, type ProgressOptions, type Serving } from './check-progress.ts';
import type { Change, RequestState } from './journal.ts';

const EMBED = 'embed';
const WELL: Serving = { actor: 'w1', concurrency: 3, batchOf: () => 4, fromMs: 0, toMs: 100_000 };

/** A journal in which each change is a transaction of its own that sees all before it, unless it is told the transaction. */
function createJournal() {
  const changes: Change[] = [];
  const states = new Map<string, RequestState>();
  function note(
    atMs: number,
    requestId: string,
    actor: string,
    after: Partial<RequestState>,
    xid = changes.length + 1,
  ) {
    const before = states.get(requestId);
    const state = { ...(before ?? NEW), functionName: EMBED, ...after };
    states.set(requestId, state);
    const snapshot = `${xid}:${xid}:`;
    const entry = { seq: changes.length + 1, xid, serverStartUs: 0, snapshot, atUs: atMs * 1e3, actor, requestId };
    changes.push({ ...entry, text: null, isHolderOver: false, before, after: state });
  }
  return {
    changes,
    queue: (atMs: number, id: string, functionName = EMBED) => note(atMs, id, 'caller', { functionName }),
    claim: (atMs: number, id: string, { actor = 'w1', xid }: { actor?: string; xid?: number } = {}) =>
      note(atMs, id, actor, { status: 'processing', functionName: states.get(id)?.functionName ?? EMBED }, xid),
    end: (atMs: number, id: string) =>
      note(atMs, id, 'w1', { status: 'completed', functionName: states.get(id)?.functionName ?? EMBED }),
  };
}

const NEW: RequestState = {
  id: 1,
  functionName: EMBED,
  model: 'default',
  username: 'u',
  priority: 0,
  createdUs: 0,
  status: 'pending',
  workerId: null,
  attempt: 0,
  retryCount: 0,
  runAt: null,
  batchId: null,
  result: null,
  error: null,
  startedAt: null,
  completedAt: null,
  failedAt: null,
};

function standstills(changes: readonly Change[], options: Partial<ProgressOptions> = {}): string[] {
  const found: string[] = [];
  const all = {
    serving: [WELL],
    pauses: [],
    locked: new Set<string>(),
    slackMs: 2_000,
    longestBatchMs: {},
    ...options,
  };
  checkProgress(changes, all, (_, __, what) => void found.push(what));
  return found;
}

/** Two requests a second apart, of which nothing is claimed for 4 s, seen by what others queue meanwhile. */
function standStill() {
  const journal = createJournal();
  journal.queue(0, 'a');
  journal.queue(1_000, 'b');
  journal.queue(3_000, 'c', 'generate');
  journal.claim(3_001, 'c');
  journal.end(3_002, 'c');
  journal.claim(5_000, 'a');
  journal.claim(5_001, 'b');
  return journal.changes;
}

test('a lane that is claimed from in time is no standstill', () => {
  const journal = createJournal();
  for (let n = 0; n < 20; n += 1) {
    journal.queue(n * 1_000, `r${n}`);
    journal.claim(n * 1_000 + 900, `r${n}`);
    journal.end(n * 1_000 + 950, `r${n}`);
  }
  expect(standstills(journal.changes)).toEqual([]);
});

test('a lane from which nothing is claimed while a worker is well is one, whatever happens in another lane', () => {
  expect(standstills(standStill())).toEqual([
    'embed default stood still for 2001 ms and more with 2 ready and a slot free',
  ]);
});

test.each<[string, Partial<ProgressOptions>]>([
  ['the only worker is not well', { serving: [{ ...WELL, toMs: 1_500 }] }],
  ['no worker is known to be well', { serving: [] }],
  ['the function is paused', { pauses: [{ functionName: EMBED, fromMs: 2_000, toMs: 4_500 }] }],
  ['all that is ready is locked', { locked: new Set(['a', 'b']) }],
  ['a batch of the lane may take as long', { longestBatchMs: { embed: 3_000 } }],
])('but not where %s', (_, options) => {
  expect(standstills(standStill(), options)).toEqual([]);
});

test('a slot is free where claims of long work leave one beside the reserve, and not where they do not', () => {
  const journal = createJournal();
  for (const [n, id] of ['long 1', 'long 2'].entries()) {
    journal.queue(n, id, 'generate');
    journal.claim(n + 0.5, id);
  }
  journal.queue(10, 'a');
  journal.queue(20, 'b');
  journal.end(9_000, 'long 1');
  journal.claim(9_001, 'a');
  journal.claim(9_002, 'b');
  expect(standstills(journal.changes)).toEqual([]);
  expect(standstills(journal.changes, { serving: [{ ...WELL, concurrency: 4 }] })).toHaveLength(1);
});

test('requests that were claimed at once take as many slots as they make batches', () => {
  const journal = createJournal();
  for (const id of ['1', '2', '3', '4']) journal.queue(0, id, 'generate');
  for (const id of ['1', '2', '3', '4']) journal.claim(1, id, { xid: 50 });
  journal.queue(10, 'a');
  journal.queue(20, 'b');
  journal.end(9_000, '1');
  journal.claim(9_001, 'a');
  expect(standstills(journal.changes)).toHaveLength(1);
  expect(standstills(journal.changes, { serving: [{ ...WELL, batchOf: () => 2 }] })).toEqual([]);
});
