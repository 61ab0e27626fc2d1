import type { Queryable } from '../../src/db/query.ts';
import type { Step, WorkerStep } from './steps.ts';

/** A defect that a change of the SQL could bring: a piece of a function, and what stands there instead. */
export interface Defect {
  readonly name: string;
  /** The function that it is in, or the statements that make and mend it. */
  readonly in: string | { readonly make: string; readonly mend: string };
  readonly find?: string;
  readonly replace?: string;
  /** The least that notices it. */
  readonly noticedBy: readonly Step[];
  /** Part of what is said then. */
  readonly says: string;
}

const register = (by = 'work1', as = 'w1'): Step => ({ do: 'register', by, as });
const enqueue = (as: string, by = 'alice1', priority = 0): Step => ({
  do: 'enqueue',
  by,
  as,
  functionName: 'embed',
  priority,
});
const batch = (...as: string[]): Step => ({
  do: 'enqueue batch',
  by: 'alice1',
  as,
  functionName: 'embed',
  priority: 0,
});
const claim = (limit = 5, by = 'work1'): Step => ({
  do: 'claim',
  by,
  functionName: 'embed',
  model: 'default',
  limit,
  looks: true,
});
const finish = (
  outcome: Extract<WorkerStep, { do: 'finish' }>['outcome'],
  claimed = 'r1#1',
  [by, worker]: readonly [string, string] = ['work1', 'w1'],
): Step => ({ do: 'finish', by, worker, claims: [claimed], outcome, tag: 1 });
const rescue: Step = { do: 'rescue', by: 'work2' };
const claimQuarantined: Step = { do: 'claim quarantined', by: 'work2' };
/** `w1` dies with what it holds; `w2` finds it. */
const deathAndRescue: readonly Step[] = [{ do: 'fall silent', worker: 'w1' }, register('work2', 'w2'), rescue];
/** The same twice: `w3` holds what there is when the second death comes, and `w2` finds that, too. */
const twoDeaths: readonly Step[] = [
  ...deathAndRescue,
  register('work1', 'w3'),
  claim(),
  { do: 'fall silent', worker: 'w3' },
  rescue,
];
const oneClaimed: readonly Step[] = [register(), enqueue('r1'), claim()];
const cancel: Step = { do: 'cancel', form: 'function', by: 'alice1', request: 'r1' };
const begin: Step = { do: 'begin', by: 'alice1', isolation: 'read committed' };
/** Locks the row. */
const touch: Step = { do: 'set retry_count', by: 'alice1', request: 'r1', retryCount: 1 };
const W2: readonly [string, string] = ['work2', 'w2'];

export const DEFECTS: readonly Defect[] = [
  {
    name: 'a finish is not fenced by the attempt',
    in: 'lamplighter.finish_requests',
    find: 'and q.attempt = o.attempt and q.completed_at is null',
    replace: 'and q.completed_at is null',
    noticedBy: [...oneClaimed, finish('release'), claim(), finish('completed')],
    says: 'what was finished is [["r1#1","completed"]], expected []',
  },
  {
    name: 'a finish is not fenced by the worker',
    in: 'lamplighter.finish_requests',
    find: 'q.worker_id = p_worker_id and q.attempt = o.attempt',
    replace: 'q.attempt = o.attempt',
    noticedBy: [...oneClaimed, ...deathAndRescue, finish('completed')],
    says: 'what was finished is [["r1#1","completed"]], expected []',
  },
  {
    name: 'what has ended can be finished once more',
    in: 'lamplighter.finish_requests',
    find: 'and q.completed_at is null',
    replace: '',
    noticedBy: [...oneClaimed, finish('completed'), finish('failed')],
    says: 'what was finished is [["r1#1","failed"]], expected []',
  },
  {
    name: 'a failure is not charged',
    in: 'lamplighter.finish_requests',
    find: `q.retry_count + (h.outcome = 'retry' and h.status = 'pending')::integer`,
    replace: 'q.retry_count',
    noticedBy: [...oneClaimed, finish('retry')],
    says: 'retry_count is 0, expected 1',
  },
  {
    name: 'a request that was handed back has left quarantine',
    in: 'lamplighter.finish_requests',
    find: `and not exists (select 1 from lamplighter.quarantine as d where d.id = q.id and d.deaths >= 2) then null`,
    replace: 'then null',
    noticedBy: [...oneClaimed, ...twoDeaths, claimQuarantined, finish('release', 'r1#3', W2)],
    says: 'turn is "ready", expected "quarantined"',
  },
  {
    name: 'the deaths are not forgotten after an ordinary end',
    in: 'lamplighter.finish_requests',
    find: `and d.id = e.id and e.outcome in ('completed', 'failed', 'retry')`,
    replace: 'and false',
    noticedBy: [
      ...oneClaimed,
      ...twoDeaths,
      claimQuarantined,
      finish('retry', 'r1#3', W2),
      { do: 'promote', by: 'work2' },
    ],
    says: 'expected',
  },
  {
    name: 'the deaths are forgotten where nothing was run',
    in: 'lamplighter.finish_requests',
    find: `and d.id = e.id and e.outcome in ('completed', 'failed', 'retry')`,
    replace: 'and d.id = e.id',
    noticedBy: [
      ...oneClaimed,
      ...twoDeaths,
      claimQuarantined,
      finish('defer', 'r1#3', W2),
      { do: 'promote', by: 'work2' },
    ],
    says: 'expected',
  },
  {
    name: 'priorities go upwards',
    in: 'lamplighter.list_ready',
    find: 'order by q.username, q.priority desc, q.created_at, q.id',
    replace: 'order by q.username, q.priority, q.created_at, q.id',
    noticedBy: [register(), enqueue('r1'), enqueue('r2', 'alice1', 5), claim(1)],
    says: 'claimed r1 before r2, which is more urgent',
  },
  {
    name: 'the youngest is claimed first',
    in: 'lamplighter.claim_requests',
    find: 'order by q.created_at, q.id',
    replace: 'order by q.created_at desc, q.id desc',
    noticedBy: [register(), enqueue('r1'), enqueue('r2'), claim(1)],
    says: 'claimed r2 before r1, which is more urgent',
  },
  {
    name: 'a claim waits for locked rows',
    in: 'lamplighter.claim_requests',
    find: 'for no key update skip locked',
    replace: 'for no key update',
    noticedBy: [register(), enqueue('r1'), begin, touch, claim()],
    says: 'canceling statement due to lock timeout (55P03)',
  },
  {
    name: 'a locked row ends a claim',
    in: 'lamplighter.claim_requests',
    find: 'for no key update skip locked',
    replace: 'for no key update nowait',
    noticedBy: [register(), enqueue('r1'), enqueue('r2', 'bob1'), begin, touch, claim(1)],
    says: 'could not obtain lock',
  },
  {
    name: 'a lane in which something is in quarantine is not claimed',
    in: 'lamplighter.list_ready',
    find: 'where q.run_at is null',
    replace: 'where not exists (select 1 from lamplighter.quarantine) and q.run_at is null',
    noticedBy: [...oneClaimed, ...twoDeaths, batch('r2', 'r3'), claim(1, 'work2')],
    says: 'no progress: a claim of a lane with ready requests got nothing',
  },
  {
    name: 'a delay never ends while another request is locked',
    in: 'lamplighter.promote_requests',
    find: 'order by q.run_at',
    replace: 'and not exists (select 1 from public.steadytext_queue as o where o.priority = 7) order by q.run_at',
    noticedBy: [...oneClaimed, finish('defer'), enqueue('r2', 'bob1', 7), { do: 'promote', by: 'work2' }],
    says: 'no progress: a request whose delay is over was not made ready',
  },
  {
    name: 'one role may have a whole claim',
    in: 'lamplighter.claim_requests',
    find: 'v_share := least(p_share, (v_left + v_roles - 1) / v_roles);',
    replace: 'v_share := p_limit;',
    noticedBy: [register(), batch('r1', 'r2', 'r3'), enqueue('r4', 'bob1'), claim(2)],
    says: 'whose share is 1',
  },
  {
    name: 'the first roles have more of a claim than what cannot be divided',
    in: 'lamplighter.claim_requests',
    find: '(v_left + v_roles - 1) / v_roles',
    replace: 'p_share',
    noticedBy: [
      register(),
      batch('r1', 'r2'),
      enqueue('r3', 'bob1'),
      enqueue('r4', 'bob1'),
      enqueue('r5', 'carol1'),
      claim(4),
    ],
    says: 'which has 1 ready, although 1 are due to it',
  },
  {
    name: 'a paused function is claimed',
    in: 'lamplighter.claim_quarantined',
    find: 'and not exists (select 1 from lamplighter.paused_function as p where p.function_name = c.function_name)',
    replace: '',
    noticedBy: [...oneClaimed, ...twoDeaths, { do: 'pause', functionName: 'embed' }, claimQuarantined],
    says: 'expected undefined',
  },
  {
    name: 'a worker without a lease claims',
    in: 'lamplighter.claim_locked',
    find: `and w.status in ('running', 'sleeping', 'stopping')`,
    replace: '',
    noticedBy: [register(), enqueue('r1'), { do: 'renew', by: 'work1', worker: 'w1', status: 'stopped' }, claim()],
    says: 'expected []',
  },
  {
    name: 'neighbours are charged when their worker dies',
    in: 'lamplighter.rescue_orphans',
    find: 'q.id = w.charged_id',
    replace: 'w.in_flight_at_death >= 1',
    noticedBy: [register(), batch('r1', 'r2'), claim(), ...deathAndRescue],
    says: '"isCharged":true,"isQuarantined":false}], expected',
  },
  {
    name: 'nobody is charged when a worker dies',
    in: 'lamplighter.rescue_orphans',
    find: 'q.id = w.charged_id',
    replace: 'false',
    noticedBy: [
      ...oneClaimed,
      ...twoDeaths,
      claimQuarantined,
      { do: 'fall silent', worker: 'w2' },
      register('work1', 'w4'),
      { do: 'rescue', by: 'work1' },
    ],
    says: '"isCharged":false,"isQuarantined":true}], expected',
  },
  {
    name: 'what was locked during the rescue is forgotten',
    in: 'lamplighter.prune_claims',
    find: 'and not exists (\n        select 1\n        from public.steadytext_queue as q',
    replace: 'and true or not exists (\n        select 1\n        from public.steadytext_queue as q',
    noticedBy: [...oneClaimed, begin, touch, ...deathAndRescue, { do: 'commit', by: 'alice1' }, rescue],
    says: 'no progress: a request stayed with a worker that is gone',
  },
  {
    name: 'requests are promoted before they are due',
    in: 'lamplighter.promote_requests',
    find: 'and q.run_at <= v_now',
    replace: '',
    noticedBy: [
      ...oneClaimed,
      { do: 'finish', by: 'work1', worker: 'w1', claims: ['r1#1'], outcome: 'retry', tag: 1, isLong: true },
      { do: 'promote', by: 'work1' },
    ],
    says: 'the answer is 1, expected 0',
  },
  {
    name: 'a cancel does not end the lease',
    in: 'lamplighter.settle_request_status',
    find: `if new.status = 'cancelled' then\n    new.worker_id := null;`,
    replace: `if new.status = 'cancelled' then`,
    noticedBy: [...oneClaimed, cancel],
    says: ', expected null',
  },
  {
    name: 'a retry by hand keeps the old error',
    in: 'lamplighter.settle_request_status',
    find: 'new.error := null;',
    replace: '',
    noticedBy: [...oneClaimed, finish('failed'), { do: 'retry', form: 'function', by: 'alice1', request: 'r1' }],
    says: 'error is "failure 1 of r1#1", expected null',
  },
  {
    name: 'a cancel reaches requests that have ended',
    in: 'public.steadytext_cancel_async',
    find: `and q.status in ('pending', 'processing')`,
    replace: `and q.status in ('pending', 'processing', 'cancelled')`,
    noticedBy: [enqueue('r1'), cancel, cancel],
    says: 'the answer is true, expected false',
  },
  {
    name: 'a caller may set any status',
    in: 'lamplighter.guard_request_update',
    find: 'if new.status <> old.status',
    replace: 'if false and new.status <> old.status',
    noticedBy: [enqueue('r1'), { do: 'set status', by: 'alice1', request: 'r1', status: 'completed' }],
    says: 'answered 1, expected 42501',
  },
  {
    name: 'a batch comes back in another order',
    in: 'lamplighter.enqueue_requests',
    find: 'array_agg(q.request_id order by q.id)',
    replace: 'array_agg(q.request_id order by q.id desc)',
    noticedBy: [batch('r1', 'r2')],
    says: 'parameters is',
  },
  {
    name: 'a failed finish is not announced',
    in: 'lamplighter.finish_requests',
    find: `when e.status not in ('completed', 'failed') then
`,
    replace: `when e.status not in ('completed') then
`,
    noticedBy: [...oneClaimed, finish('failed')],
    says: 'events is [], expected',
  },
  {
    name: 'a worker that has settled one claim forgets all',
    in: 'lamplighter.renew_lease',
    find: 'and c.claim_number = any (p_settled_claims)',
    replace: '',
    noticedBy: [
      ...oneClaimed,
      enqueue('r2'),
      claim(),
      finish('completed'),
      { do: 'renew', by: 'work1', worker: 'w1', status: 'running' },
      ...deathAndRescue,
    ],
    says: 'no progress: a request stayed with a worker that is gone',
  },
  {
    name: 'roles see each other',
    in: {
      make: 'alter table public.steadytext_queue disable row level security',
      mend: 'alter table public.steadytext_queue enable row level security',
    },
    noticedBy: [enqueue('r1'), { do: 'check', by: 'bob1', requests: ['r1'] }],
    says: 'expected {"batch":[],"single":[]}',
  },
];

/** Brings the defect about; the answer mends it. */
export async function makeDefect(
  db: Queryable,
  defect: Pick<Defect, 'in' | 'find' | 'replace'>,
): Promise<() => Promise<void>> {
  const { in: place, find = '', replace = '' } = defect;
  if (typeof place !== 'string') {
    await db.query(place.make);
    return async () => {
      await db.query(place.mend);
    };
  }
  const { rows } = await db.query<{ definition: string }>('select pg_get_functiondef($1::regproc) as definition', [
    place,
  ]);
  const definition = rows[0]?.definition ?? '';
  if (!definition.includes(find)) throw new Error(`${place} does not say "${find}" any more: write the defect anew`);
  await db.query(definition.replace(find, () => replace));
  return async () => {
    await db.query(definition);
  };
}
