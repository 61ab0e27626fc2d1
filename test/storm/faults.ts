import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { type Downfall, startStandby } from '../faults/support/fault-server.ts';
import { eventually } from '../support/eventually.ts';
import { embed, firstValue } from '../support/requests.ts';
import type { FaultKind, PlannedFault } from './plan.ts';
import type { Stage } from './stage.ts';

/** One kind of fault: resolves when it is over and healed; `signal` ends it early. Rejects when it could not strike. */
export type Fault = (stage: Stage, fault: PlannedFault, signal: AbortSignal) => Promise<void>;

const FUNCTIONS = ['embed', 'generate', 'rerank'] as const;

export const last = (ms: number, signal: AbortSignal) => delay(ms, undefined, { signal }).catch(() => undefined);
const slotOf = ({ slots }: Stage, { lot }: PlannedFault) => slots[1 + (lot % (slots.length - 1))];
/** One of them, by lot. */
export const choose = <Item>(items: readonly [Item, ...Item[]], lot: number): Item =>
  items[lot % items.length] ?? items[0];

/** Those that matter most twice. */
const STATEMENTS = [
  /claim_requests/,
  /finish_requests/,
  /claim_requests/,
  /finish_requests/,
  /claim_quarantined/,
  /renew_lease/,
  /rescue_requests/,
  /_async/,
] as const;
export const MOMENTS = ['answer', 'half-answer', 'request', 'half-request'] as const;
export const BLOWS = ['cut', 'half-close', 'freeze'] as const;

/** Runs `work` in a transaction that stays open for as long as the fault lasts. */
export async function holdOpen(
  { db }: Stage,
  { lastsMs }: PlannedFault,
  signal: AbortSignal,
  work: (client: pg.PoolClient) => Promise<void>,
): Promise<void> {
  const client = await db.connect();
  let isBroken = false;
  const onError = () => {
    isBroken = true;
  };
  client.on('error', onError);
  try {
    await work(client);
    await last(lastsMs, signal);
    await client.query('commit');
  } catch (error) {
    isBroken = true;
    throw error;
  } finally {
    client.off('error', onError);
    client.release(isBroken);
  }
}

/** Ids of requests that fulfil the condition, drawn by lot. */
async function draw({ db }: Stage, { lot, size }: PlannedFault, condition: string): Promise<string[]> {
  const { rows } = await db.query<{ request_id: string }>(
    `select request_id from public.steadytext_queue where ${condition} order by md5(id::text || $1::text) limit $2`,
    [lot, size],
  );
  return rows.map(({ request_id }) => request_id);
}

const isFalling = new WeakSet<Stage>();

/** One server, so one downfall at a time. */
async function takeDown(stage: Stage, downfall: () => Promise<void>): Promise<void> {
  if (isFalling.has(stage)) return;
  isFalling.add(stage);
  await downfall();
  isFalling.delete(stage);
}

/** Stops the server and starts it again. */
const restart = (stage: Stage, { lastsMs }: PlannedFault, how: Downfall, signal: AbortSignal) =>
  takeDown(stage, async () => {
    await stage.server.stop(how);
    await last(lastsMs / 2, signal);
    await stage.server.start();
  });

export const FAULTS: Readonly<Record<FaultKind, Fault>> = {
  'kill worker': async (stage, fault) => slotOf(stage, fault)?.kill(),
  'freeze worker': async (stage, fault, signal) => slotOf(stage, fault)?.freeze(fault.lastsMs, signal),
  'stop worker': async (stage, fault) => slotOf(stage, fault)?.stopGently(),
  async 'end sessions'({ db }, { lot, size }) {
    await db.query(
      `select pg_terminate_backend(pid) from (
         select pid from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
         order by md5(pid::text || $1::text) limit $2) as chosen`,
      [lot, Math.ceil(size / 4)],
    );
  },
  async 'hit statements'({ proxy }, { lot, size, lastsMs }, signal) {
    const armed = proxy.arm({
      statement: choose(STATEMENTS, lot),
      moment: choose(MOMENTS, lot >> 3),
      blow: choose(BLOWS, lot >> 5),
      times: Math.ceil(size / 4),
    });
    await last(lastsMs, signal);
    armed.disarm();
  },
  async 'cut connections'({ proxy }, { lot }) {
    proxy.strikeAll(choose(BLOWS, lot));
  },
  async 'lose notifications'({ proxy }, { lastsMs }, signal) {
    proxy.dropsNotifications = true;
    await last(lastsMs, signal);
    proxy.dropsNotifications = false;
  },
  'lock rows': (stage, fault, signal) =>
    holdOpen(stage, fault, signal, async (client) => {
      await client.query('begin');
      const { rows } = await client.query<{ request_id: string }>(
        `select request_id from public.steadytext_queue where status in ('pending', 'processing')
         order by status = 'processing' desc, md5(id::text || $1::text) limit $2 for update`,
        [fault.lot, fault.size],
      );
      stage.callers.noteLocked(rows.map(({ request_id }) => request_id));
    }),
  'lock table': (stage, fault, signal) =>
    holdOpen(stage, { ...fault, lastsMs: fault.lastsMs / 4 }, signal, async (client) => {
      await client.query(`begin; set local lock_timeout = '1s'; lock table public.steadytext_queue`);
    }),
  'hold snapshot': (stage, fault, signal) =>
    holdOpen(stage, { ...fault, lastsMs: fault.lastsMs * 2 }, signal, async (client) => {
      await client.query('begin isolation level repeatable read; select count(*) from public.steadytext_queue');
    }),
  async 'commit late'(stage, fault, signal) {
    const texts = Array.from({ length: fault.size }, () => stage.callers.unique('late'));
    await stage.callers.enqueue(texts, async () => {
      let ids: string[] = [];
      await holdOpen(stage, fault, signal, async (client) => {
        await client.query('begin');
        ids = await embed(client, texts, { priority: 9 });
      });
      return ids;
    });
  },
  async flood(stage, { size, lot }) {
    // The urgent ones last, so that only their priority brings them to the front.
    for (const priority of [lot % 3, 3 + (lot % 3)]) {
      const texts = Array.from({ length: size * 15 }, () => stage.callers.unique('!sleep:15 flood'));
      await stage.callers.enqueue(texts, () => embed(stage.db, texts, { priority }));
    }
  },
  async 'pause function'({ db, pauses }, { lot, lastsMs }, signal) {
    const functionName = choose(FUNCTIONS, lot);
    const fromMs = Date.now();
    await db.query('select public.steadytext_pause($1)', [functionName]);
    await last(lastsMs, signal);
    // The server may be away for a while.
    await eventually(() => db.query('select public.steadytext_resume($1)', [functionName]), { timeoutMs: 20_000 });
    pauses.push({ functionName, fromMs, toMs: Date.now() });
  },
  async 'cancel some'(stage, fault) {
    for (const id of await draw(stage, fault, `status in ('pending', 'processing')`)) {
      await stage.callers.act('cancel', id, () =>
        firstValue(stage.db, 'select public.steadytext_cancel_async($1)', [id]),
      );
    }
  },
  async 'retry some'(stage, fault) {
    for (const id of await draw(stage, fault, `status = 'failed'`)) {
      await stage.callers.act('retry', id, () => firstValue(stage.db, 'select public.steadytext_retry($1)', [id]));
    }
  },
  async 'delete some'(stage, fault) {
    for (const id of await draw(stage, fault, 'true')) {
      await stage.callers.act('delete', id, async () => {
        const { rowCount } = await stage.db.query('delete from public.steadytext_queue where request_id = $1', [id]);
        return rowCount === 1;
      });
    }
  },
  async prune({ db, callers }) {
    callers.notePrune();
    await db.query(`select public.steadytext_prune('1 second')`);
  },
  'restart server': (stage, fault, signal) => restart(stage, fault, 'fast', signal),
  'crash server': (stage, fault, signal) => restart(stage, fault, 'immediate', signal),
  'fail over': (stage, { lastsMs }, signal) =>
    takeDown(stage, async () => {
      const standby = await startStandby(stage.server);
      await last(lastsMs / 2, signal);
      await stage.failOverTo(standby);
    }),
};

/** Undoes what a fault may have left behind when it was cut off itself. */
export async function healAll({ db, proxy }: Stage): Promise<void> {
  // Those included that were frozen, whose ends wait for an answer.
  proxy.strikeAll('cut');
  for (const name of FUNCTIONS) {
    await eventually(() => db.query('select public.steadytext_resume($1)', [name]), { timeoutMs: 20_000 });
  }
}
