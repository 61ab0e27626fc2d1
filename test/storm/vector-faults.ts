import type pg from 'pg';
import type { VectorRig } from '../embeddings/vector-rig.ts';
import type { FaultProxy } from '../faults/support/fault-proxy.ts';
import { type FaultServer, promote, startStandby } from '../faults/support/fault-server.ts';
import { createRandom } from '../properties/random.ts';
import { eventually } from '../support/eventually.ts';
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
import type { DaemonSlot } from './daemon-slot.ts';

/** Where a storm over vectors takes place. */
export interface VectorStage {
  server: FaultServer;
  /** Between the primary and the daemons. */
  readonly proxy: FaultProxy;
  /** Between it and everybody else; nothing is hit here. */
  readonly calm: FaultProxy;
  readonly rig: VectorRig;
  readonly slots: readonly DaemonSlot[];
}

/** What can go wrong, and how often beside the others. */
const WEIGHTS = {
  'kill daemon': 6,
  'freeze daemon': 4,
  'stop daemon': 2,
  'end sessions': 5,
  'hit statements': 10,
  'cut connections': 3,
  'lose notifications': 2,
  'lock rows': 5,
  'lock table': 2,
  'hold snapshot': 2,
  'commit late': 4,
  'prepare late': 2,
  'write much': 5,
  'write unseen': 3,
  'disable capture': 2,
  'refuse texts': 3,
  'change the table': 4,
  'change the model': 2,
  'cancel the job': 2,
  'retry failures': 2,
  'restart server': 1,
  'crash server': 2,
  'fail over': 1,
} as const;

export type VectorFaultKind = keyof typeof WEIGHTS;

export interface PlannedVectorFault {
  readonly atMs: number;
  readonly kind: VectorFaultKind;
  readonly lastsMs: number;
  readonly lot: number;
  readonly table: string;
}

/** The faults of a storm that lasts `seconds`, in order: the same for the same seed. */
export function planVectorFaults(seed: number, seconds: number, tables: readonly string[]): PlannedVectorFault[] {
  const random = createRandom(seed);
  const faults: PlannedVectorFault[] = [];
  for (let atMs = random.int(500); atMs < seconds * 1_000; atMs += 100 + random.int(600)) {
    faults.push({
      atMs,
      kind: random.weighted(WEIGHTS) ?? 'kill daemon',
      lastsMs: 50 + random.int(3_000),
      lot: random.int(2 ** 31),
      table: random.pick(tables) ?? '',
    });
  }
  return faults;
}

/** Resolves when it is over and healed; `signal` ends it early. Rejects when it could not strike. */
type Fault = (stage: VectorStage, fault: PlannedVectorFault, signal: AbortSignal) => Promise<void>;

const slotOf = ({ slots }: VectorStage, { lot }: PlannedVectorFault) => slots[lot % slots.length];

const STATEMENTS = [
  /claim_changes/,
  /finish_embeddings/,
  /record_page/,
  /update only/,
  /require_batch/,
  /claim_pass/,
  /renew_lease/,
  /rescue_batches/,
] as const;

type DdlPair = readonly [change: string, undo: string];
/** DDL of users, and what undoes it. */
const DDL: readonly [DdlPair, ...DdlPair[]] = [
  ['alter table % add column extra int default 7', 'alter table % drop column extra'],
  ['alter table % alter body type varchar(4000)', 'alter table % alter body type text'],
  ['alter table % alter id type bigint', 'alter table % alter id type integer'],
  ['alter table % alter n type bigint', 'alter table % alter n type integer'],
  ['create index on % (n)', 'vacuum full %'],
  ['cluster % using %_pkey', 'analyze %'],
];

/** Runs `work`, which gives the texts that it has set, in a transaction that stays open for as long as the fault lasts. */
async function writeLate(
  { rig }: VectorStage,
  fault: PlannedVectorFault,
  signal: AbortSignal,
  work: (client: pg.PoolClient) => Promise<string[]>,
): Promise<void> {
  for (const text of await holdOpen(rig.pool, fault, signal, work)) rig.told.add(text);
}

/** Sets the text of some rows; the texts. */
async function setTexts(
  client: Pick<pg.PoolClient, 'query'>,
  rig: VectorRig,
  { table, lot }: PlannedVectorFault,
  rows: number,
  steps = '',
): Promise<string[]> {
  const texts: string[] = [];
  for (let n = 0; n < rows; n += 1) {
    const text = rig.text(steps);
    const { rowCount } = await client.query(`update ${table} set body = $2 where id = $1`, [
      1 + ((lot + n * 7) % 40),
      text,
    ]);
    if (rowCount !== 0) texts.push(text);
  }
  return texts;
}

export const VECTOR_FAULTS: Readonly<Record<VectorFaultKind, Fault>> = {
  'kill daemon': async (stage, fault) => slotOf(stage, fault)?.kill(),
  'freeze daemon': async (stage, fault, signal) => slotOf(stage, fault)?.freeze(fault.lastsMs, signal),
  'stop daemon': async (stage, fault) => slotOf(stage, fault)?.stopGently(),
  'end sessions': ({ rig }, fault) => endSessions(rig.pool, fault, 4),
  'hit statements': ({ proxy }, fault, signal) => hitStatements(proxy, STATEMENTS, fault, 1 + (fault.lot % 4), signal),
  'cut connections': async ({ proxy }, fault) => cutConnections(proxy, fault),
  'lose notifications': ({ proxy }, fault, signal) => loseNotifications(proxy, fault, signal),
  'lock rows': (stage, fault, signal) =>
    holdOpen(stage.rig.pool, fault, signal, async (client) => {
      await client.query('begin');
      await client.query(`select from ${fault.table} where id % 3 = $1 order by id for update`, [fault.lot % 3]);
    }),
  'lock table': (stage, fault, signal) =>
    holdOpen(stage.rig.pool, { ...fault, lastsMs: fault.lastsMs / 4 }, signal, async (client) => {
      const mode = choose(['share', 'exclusive', 'access exclusive'], fault.lot);
      await client.query(`begin; set local lock_timeout = '1s'; lock table ${fault.table} in ${mode} mode`);
    }),
  'hold snapshot': (stage, fault, signal) =>
    holdOpen(stage.rig.pool, { ...fault, lastsMs: fault.lastsMs * 2 }, signal, async (client) => {
      await client.query(`begin isolation level repeatable read; select count(*) from ${fault.table}`);
    }),
  'commit late': (stage, fault, signal) =>
    writeLate(stage, fault, signal, async (client) => {
      await client.query(`begin; set local lock_timeout = '2s'`);
      return setTexts(client, stage.rig, fault, 4);
    }),
  async 'prepare late'(stage, fault, signal) {
    const gid = `storm_${fault.atMs}_${fault.lot}`;
    await holdOpen(
      stage.rig.pool,
      { lastsMs: 0 },
      signal,
      async (client) => {
        await client.query(`begin; set local lock_timeout = '2s'`);
        await setTexts(client, stage.rig, fault, 3);
      },
      `prepare transaction '${gid}'`,
    );
    await last(fault.lastsMs, signal);
    await eventually(() => stage.rig.pool.query(`commit prepared '${gid}'`), { timeoutMs: 20_000 });
  },
  async 'write much'({ rig }, { table, lot }) {
    const steps = choose(['', '!unavailable-times:2 ', '!sleep:20 ', '!unavailable-times:1 '], lot);
    await rig.pool.query(
      `insert into ${table} (id, body) select n, case when n = 100 then $1 else '' end || $2 || ' much ' || n from generate_series(100, 180) as n
       on conflict (id) do update set body = excluded.body || ' again'`,
      [steps, rig.text()],
    );
    if (lot % 3 === 0) await rig.pool.query(`delete from ${table} where id > 140`);
  },
  async 'write unseen'({ rig }, fault) {
    const client = await rig.pool.connect();
    try {
      await client.query('begin; set local session_replication_role = replica');
      const texts = await setTexts(client, rig, fault, 5);
      await client.query(`update ${fault.table} set id = id + 300, body = body || ' moved' where id = $1`, [
        1 + (fault.lot % 40),
      ]);
      await client.query('commit');
      for (const text of texts) rig.told.add(text);
      client.release();
    } catch (error) {
      client.release(true);
      throw error;
    }
  },
  async 'disable capture'({ rig }, { table, lastsMs }, signal) {
    await switchCapture(rig, table, 'disable');
    await last(lastsMs, signal);
    await eventually(() => switchCapture(rig, table, 'enable'), { timeoutMs: 20_000 });
  },
  async 'refuse texts'({ rig }, fault) {
    await setTexts(rig.pool, rig, fault, 2, '!fail');
  },
  async 'change the table'({ rig }, { table, lot, lastsMs }, signal) {
    const [change, undo] = choose(DDL, lot);
    const run = (statement: string) => rig.pool.query(statement.replaceAll('%', table));
    await run(change);
    await last(lastsMs, signal);
    await eventually(() => run(undo), { timeoutMs: 20_000 });
  },
  async 'change the model'({ rig }, { table, lot }) {
    const model = choose(['test/model', 'test/second', 'test/third'], lot);
    await rig.pool.query('update jobs set embedding_model = $2 where "table" = $1', [table, model]);
  },
  async 'cancel the job'({ rig }, { table, lastsMs }, signal) {
    await rig.pool.query('update jobs set canceled_at = now() where "table" = $1', [table]);
    await last(lastsMs, signal);
    await resume(rig, table);
  },
  async 'retry failures'({ rig }) {
    await rig.pool.query('select lamplighter.retry_embeddings(j.id) from lamplighter.embedding_job as j');
  },
  'restart server': (stage, fault, signal) => restart(stage, fault, 'fast', signal),
  'crash server': (stage, fault, signal) => restart(stage, fault, 'immediate', signal),
  'fail over': (stage, { lastsMs }, signal) =>
    takeDown(stage, async () => {
      const standby = await startStandby(stage.server);
      await last(lastsMs / 2, signal);
      const old = stage.server;
      await old.stop('kill');
      await promote(standby);
      stage.server = standby;
      for (const way of [stage.proxy, stage.calm]) way.pointAt(standby.port);
      await old[Symbol.asyncDispose]();
    }),
};

async function switchCapture(rig: VectorRig, table: string, how: 'enable' | 'disable'): Promise<void> {
  const { rows } = await rig.pool.query<{ name: string }>(
    `select tgname as name from pg_trigger where tgrelid = $1::regclass and tgname like 'lamplighter_capture%'`,
    [table],
  );
  for (const { name } of rows) await rig.pool.query(`alter table ${table} ${how} trigger ${name}`);
}

const resume = (rig: VectorRig, table: string) =>
  eventually(() => rig.pool.query('update jobs set canceled_at = null where "table" = $1', [table]), {
    timeoutMs: 20_000,
  });

/** Undoes what a fault may have left behind when it was cut off itself. */
export async function healVectors({ rig, proxy }: VectorStage, tables: readonly string[]): Promise<void> {
  proxy.strikeAll('cut');
  proxy.dropsNotifications = false;
  const { rows } = await eventually(() => rig.pool.query<{ gid: string }>('select gid from pg_prepared_xacts'), {
    timeoutMs: 20_000,
  });
  for (const { gid } of rows) await rig.pool.query(`commit prepared '${gid}'`);
  for (const table of tables) {
    await resume(rig, table);
    await switchCapture(rig, table, 'enable');
  }
}
