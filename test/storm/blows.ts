import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { FaultProxy } from '../faults/support/fault-proxy.ts';
import type { Downfall, FaultServer } from '../faults/support/fault-server.ts';

/** What befalls a server, the sessions on it and the proxy before it, whatever they are used for. */

/** Of a planned fault: what it strikes, by lot, and for how long. */
export interface Blow {
  readonly lot: number;
  readonly lastsMs: number;
}

const MOMENTS = ['answer', 'half-answer', 'request', 'half-request'] as const;
const BLOWS = ['cut', 'half-close', 'freeze'] as const;

/** Resolves when the time is over, or the storm. */
export const last = (ms: number, signal: AbortSignal) => delay(ms, undefined, { signal }).catch(() => undefined);

/** One of them, by lot. */
export const choose = <Item>(items: readonly [Item, ...Item[]], lot: number): Item =>
  items[lot % items.length] ?? items[0];

/** Runs `work` in a transaction that stays open for as long as the blow lasts, and ends as `end` says; what `work` gave. */
export async function holdOpen<Result>(
  db: pg.Pool,
  { lastsMs }: Pick<Blow, 'lastsMs'>,
  signal: AbortSignal,
  work: (client: pg.PoolClient) => Promise<Result>,
  end = 'commit',
): Promise<Result> {
  const client = await db.connect();
  let isBroken = true;
  const onError = () => undefined;
  client.on('error', onError);
  try {
    const result = await work(client);
    await last(lastsMs, signal);
    await client.query(end);
    isBroken = false;
    return result;
  } finally {
    client.off('error', onError);
    client.release(isBroken);
  }
}

export async function endSessions(db: pg.Pool, { lot }: Blow, most: number): Promise<void> {
  await db.query(
    `select pg_terminate_backend(pid) from (
       select pid from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
       order by md5(pid::text || $1::text) limit $2) as chosen`,
    [lot, most],
  );
}

/** Strikes at some statements of one kind, at one moment. */
export async function hitStatements(
  proxy: FaultProxy,
  statements: readonly [RegExp, ...RegExp[]],
  { lot, lastsMs }: Blow,
  times: number,
  signal: AbortSignal,
): Promise<void> {
  const bits = Math.ceil(Math.log2(statements.length));
  const armed = proxy.arm({
    statement: choose(statements, lot),
    moment: choose(MOMENTS, lot >> bits),
    blow: choose(BLOWS, lot >> (bits + 2)),
    times,
  });
  await last(lastsMs, signal);
  armed.disarm();
}

export function cutConnections(proxy: FaultProxy, { lot }: Blow): void {
  proxy.strikeAll(choose(BLOWS, lot));
}

export async function loseNotifications(proxy: FaultProxy, { lastsMs }: Blow, signal: AbortSignal): Promise<void> {
  proxy.dropsNotifications = true;
  await last(lastsMs, signal);
  proxy.dropsNotifications = false;
}

const falling = new WeakSet<object>();

/** One server, so one downfall at a time. */
export async function takeDown(stage: object, downfall: () => Promise<void>): Promise<void> {
  if (falling.has(stage)) return;
  falling.add(stage);
  try {
    await downfall();
  } finally {
    falling.delete(stage);
  }
}

/** Stops the server and starts it again. */
export const restart = (
  stage: { readonly server: FaultServer },
  { lastsMs }: Blow,
  how: Downfall,
  signal: AbortSignal,
): Promise<void> =>
  takeDown(stage, async () => {
    await stage.server.stop(how);
    await last(lastsMs / 2, signal);
    await stage.server.start();
  });
