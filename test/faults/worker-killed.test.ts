import { expect, test } from 'vitest';
import { createClient } from '../../src/client/create-client.ts';
import { eventually } from '../support/eventually.ts';
import { createFileGate } from '../support/file-gate.ts';
import { generate } from '../support/requests.ts';
import { openSession } from '../support/sql-session.ts';
import { type Barrier, raiseBarrier, untilStatementEnds } from './worker-barrier.ts';
import { useScene } from './worker-scene.ts';

const scene = useScene();

/** Kills the backend of a statement, or lets it run to its end; its client is dead. */
async function settle(barrier: Barrier, pid: number, fate: 'commits' | 'is cut off'): Promise<void> {
  if (fate === 'is cut off') await scene.db.pool.query('select pg_terminate_backend($1, 5000)', [pid]);
  await barrier.open();
  await untilStatementEnds(scene.db, pid);
}

test.each(['commits', 'is cut off'] as const)(
  'a worker killed while its claim waits, which then %s, loses nothing',
  async (fate) => {
    await using victim = await scene.spawn();
    await scene.db.pool.query(`select steadytext_pause('embed')`);
    const ids = await scene.embed(['a', 'b', 'c']);
    await using barrier = await raiseBarrier(scene.db);
    await scene.db.pool.query(`select steadytext_resume('embed')`);
    const pid = await barrier.untilReached(scene.victim, 'claim_requests');
    victim.kill('SIGKILL');
    await victim.exited;
    await settle(barrier, pid, fate);

    const isClaimed = fate === 'commits';
    expect(await scene.rows(ids)).toMatchObject(ids.map(() => ({ status: isClaimed ? 'processing' : 'pending' })));
    await scene.startRescuer();
    const rows = await scene.untilCompleted(ids);
    expect(rows).toMatchObject(ids.map(() => ({ attempt: isClaimed ? 2 : 1, retry_count: 0 })));
    await scene.expectGoodHistory();
  },
);

test('a request that is computed alone when its worker is killed is computed elsewhere, charged to nobody', async () => {
  await using victim = await scene.spawn();
  const [id = ''] = await scene.embed(['!sleep:400']);
  await eventually(async () => {
    expect(await scene.rows([id])).toMatchObject([{ status: 'processing' }]);
    victim.kill('SIGKILL');
  });
  await victim.exited;
  await scene.startRescuer();
  expect(await scene.untilCompleted([id])).toMatchObject([{ attempt: 2, retry_count: 0 }]);
  expect(scene.handlers.read().map(({ actor }) => actor)).toEqual([scene.rescuer.name]);
  await scene.expectGoodHistory();
});

test.each(['commits', 'is cut off'] as const)(
  'a worker killed while its finish waits, which then %s, ends each request once',
  async (fate) => {
    await using victim = await scene.spawn();
    using gate = createFileGate();
    const ids = await scene.embed([gate.step, 'b', 'c']);
    await eventually(async () => {
      expect(await scene.rows(ids)).toMatchObject(ids.map(() => ({ status: 'processing' })));
    });
    await using barrier = await raiseBarrier(scene.db);
    gate.open();
    const pid = await barrier.untilReached(scene.victim, 'finish_requests');
    victim.kill('SIGKILL');
    await victim.exited;
    await settle(barrier, pid, fate);

    await scene.startRescuer();
    const rows = await scene.untilCompleted(ids);
    expect(rows).toMatchObject(ids.map(() => ({ attempt: fate === 'commits' ? 1 : 2, retry_count: 0 })));
    await scene.expectGoodHistory();
  },
);

test('a finish that waits while the lease of its dead worker runs out meets the rescue, and each request ends once', async () => {
  await using victim = await scene.spawn();
  using gate = createFileGate();
  const ids = await scene.embed([gate.step, 'b', 'c']);
  await eventually(async () => {
    expect(await scene.rows(ids)).toMatchObject(ids.map(() => ({ status: 'processing' })));
  });
  await using barrier = await raiseBarrier(scene.db);
  gate.open();
  await barrier.untilReached(scene.victim, 'finish_requests');
  victim.kill('SIGKILL');
  await victim.exited;
  const rescuer = await scene.startRescuer();
  await eventually(async () => {
    const waiting = `select from pg_stat_activity where usename = $1 and wait_event_type = 'Lock' and query ~ 'rescue_requests'`;
    expect((await scene.db.pool.query(waiting, [scene.rescuer.name])).rows).toHaveLength(1);
    const silent = `select from steadytext_worker_status() where status = 'dead' and worker_id <> $1`;
    expect((await scene.db.pool.query(silent, [rescuer.workerId])).rows).toHaveLength(1);
  });
  await barrier.open();
  const rows = await scene.untilCompleted(ids);
  expect(rows).toMatchObject(ids.map(() => ({ retry_count: 0 })));
  await scene.expectGoodHistory();
});

test('a worker killed between the commit of an end and its event leaves callers to find the end, who do', async () => {
  await using gate = await openSession(scene.db.uri);
  await gate.client.query(`select pg_advisory_lock(hashtextextended('lamplighter announce', 0)), pg_advisory_lock(1)`);
  await scene.db.pool.query(
    'alter function lamplighter.announce_completions rename to announce_completions_at_last;' +
      `create function lamplighter.announce_completions(uuid, uuid[], text[], text[], bigint) returns void
       language plpgsql security definer as $$
       begin
         perform pg_advisory_xact_lock(1);
         perform lamplighter.announce_completions_at_last($1, $2, $3, $4, $5);
       end $$`,
  );
  await using client = createClient({ uri: scene.db.uri });
  await using victim = await scene.spawn();
  const [id = ''] = await scene.embed(['!sleep:200']);
  const waiting = client.wait(id, { timeoutMs: 15_000 });
  const pid = await eventually(async () => {
    const { rows } = await scene.db.pool.query<{ pid: number }>(
      `select pid from pg_stat_activity where usename = $1 and wait_event = 'advisory' and query ~ 'announce_completions'`,
      [scene.victim.name],
    );
    expect(rows).toHaveLength(1);
    return rows[0]?.pid;
  });
  victim.kill('SIGKILL');
  await victim.exited;
  await scene.db.pool.query('select pg_terminate_backend($1, 5000)', [pid]);

  expect(await waiting).toHaveLength(8);
  await scene.untilCompleted([id]);
  await scene.expectGoodHistory();
  await scene.db.pool.query(
    'drop function lamplighter.announce_completions; alter function lamplighter.announce_completions_at_last rename to announce_completions',
  );
});

test('a worker killed while it stops hands over what it still had', async () => {
  await using victim = await scene.spawn();
  const prompt = scene.callers.unique('!sleep:800 when it stops');
  const [id = ''] = await scene.callers.enqueue([prompt], async () => [await generate(scene.db.pool, prompt)]);
  const other = await scene.embed(['!sleep:800']);
  await eventually(async () => {
    expect(await scene.rows([id, ...other])).toMatchObject([{ status: 'processing' }, { status: 'processing' }]);
  });
  victim.kill('SIGTERM');
  await eventually(async () => {
    const { rows } = await scene.db.pool.query(`select status from steadytext_worker_status()`);
    expect(rows).toEqual([{ status: 'stopping' }]);
  });
  victim.kill('SIGKILL');
  await victim.exited;
  await scene.startRescuer();
  expect(await scene.untilCompleted([id, ...other])).toMatchObject([{ attempt: 2 }, { attempt: 2 }]);
  await scene.expectGoodHistory();
});
