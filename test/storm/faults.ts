import { startStandby } from '../faults/support/fault-server.ts';
import { eventually } from '../support/eventually.ts';
import { embed, firstValue } from '../support/requests.ts';
import {
  choose,
  cutConnections,
  endSessions,
  hitStatements,
  holdOpen,
  last,
  loseNotifications,
  restart,
  takeDown,
} from './blows.ts';
import type { FaultKind, PlannedFault } from './plan.ts';
import type { Stage } from './stage.ts';

/** One kind of fault: resolves when it is over and healed; `signal` ends it early. Rejects when it could not strike. */
export type Fault = (stage: Stage, fault: PlannedFault, signal: AbortSignal) => Promise<void>;

const FUNCTIONS = ['embed', 'generate', 'rerank'] as const;

const slotOf = ({ slots }: Stage, { lot }: PlannedFault) => slots[1 + (lot % (slots.length - 1))];
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
/** Ids of requests that fulfil the condition, drawn by lot. */
async function draw({ db }: Stage, { lot, size }: PlannedFault, condition: string): Promise<string[]> {
  const { rows } = await db.query<{ request_id: string }>(
    `select request_id from public.steadytext_queue where ${condition} order by md5(id::text || $1::text) limit $2`,
    [lot, size],
  );
  return rows.map(({ request_id }) => request_id);
}

export const FAULTS: Readonly<Record<FaultKind, Fault>> = {
  'kill worker': async (stage, fault) => slotOf(stage, fault)?.kill(),
  'freeze worker': async (stage, fault, signal) => slotOf(stage, fault)?.freeze(fault.lastsMs, signal),
  'stop worker': async (stage, fault) => slotOf(stage, fault)?.stopGently(),
  'end sessions': ({ db }, fault) => endSessions(db, fault, Math.ceil(fault.size / 4)),
  'hit statements': ({ proxy }, fault, signal) =>
    hitStatements(proxy, STATEMENTS, fault, Math.ceil(fault.size / 4), signal),
  'cut connections': async ({ proxy }, fault) => cutConnections(proxy, fault),
  'lose notifications': ({ proxy }, fault, signal) => loseNotifications(proxy, fault, signal),
  'lock rows': (stage, fault, signal) =>
    holdOpen(stage.db, fault, signal, async (client) => {
      await client.query('begin');
      const { rows } = await client.query<{ request_id: string }>(
        `select request_id from public.steadytext_queue where status in ('pending', 'processing')
         order by status = 'processing' desc, md5(id::text || $1::text) limit $2 for update`,
        [fault.lot, fault.size],
      );
      stage.callers.noteLocked(rows.map(({ request_id }) => request_id));
    }),
  'lock table': (stage, fault, signal) =>
    holdOpen(stage.db, { ...fault, lastsMs: fault.lastsMs / 4 }, signal, async (client) => {
      await client.query(`begin; set local lock_timeout = '1s'; lock table public.steadytext_queue`);
    }),
  'hold snapshot': (stage, fault, signal) =>
    holdOpen(stage.db, { ...fault, lastsMs: fault.lastsMs * 2 }, signal, async (client) => {
      await client.query('begin isolation level repeatable read; select count(*) from public.steadytext_queue');
    }),
  async 'commit late'(stage, fault, signal) {
    const texts = Array.from({ length: fault.size }, () => stage.callers.unique('late'));
    await stage.callers.enqueue(texts, async () => {
      return await holdOpen(stage.db, fault, signal, async (client) => {
        await client.query('begin');
        return await embed(client, texts, { priority: 9 });
      });
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
