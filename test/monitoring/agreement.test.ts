import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Overview } from '../../src/dashboard/api.ts';
import { runCli, startCli } from '../cli/run-cli.ts';
import { openTestDashboard } from '../dashboard/open-test-dashboard.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { embed, firstValue, generate } from '../support/requests.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db?.[Symbol.asyncDispose]());

interface LaneCount {
  readonly functionName: string;
  readonly pending: number;
  readonly running: number;
}

const byName = (lanes: readonly LaneCount[]) =>
  lanes
    .filter(({ pending, running }) => pending + running > 0)
    .sort((a, b) => (a.functionName < b.functionName ? -1 : 1));

test('page, terminal, metrics, queue_stats and list_waits tell the same of one state', {
  timeout: 120_000,
}, async () => {
  await embed(db.pool, ['a', 'b', 'c', 'd', 'e']);
  await generate(db.pool, 'x');
  await firstValue(db.pool, `select steadytext_rerank_async('q', array['d'])`);
  await db.pool.query(`
    update steadytext_queue set run_at = now() + interval '1 hour', retry_count = 1 where id = (select min(id) from steadytext_queue);
    update steadytext_queue set status = 'completed', result = '1', run_at = '9000-01-01', completed_at = now(), started_at = now()
    where function_name = 'rerank'`);
  await firstValue(db.pool, `select lantern.async_task('select 1')`);
  // It serves no function and no task, so that nothing changes while all are asked.
  const measurer = startCli([
    'worker',
    '--uri',
    db.uri,
    '--functions',
    'rerank',
    '--task-concurrency',
    '0',
    '--http',
    '127.0.0.1:0',
  ]);
  try {
    const listening = await measurer.waitForLine(/answering probes and scrapes on/, { timeoutMs: 30_000 });
    const address = /127\.0\.0\.1:\d+/.exec(listening)?.[0] ?? '';
    const expected: LaneCount[] = [
      { functionName: 'embed', pending: 5, running: 0 },
      { functionName: 'generate', pending: 1, running: 0 },
    ];

    const stats = await db.pool.query<LaneCount>(
      `select function_name as "functionName", pending::int, processing::int as running from steadytext_queue_stats()`,
    );
    expect(byName(stats.rows)).toEqual(expected);

    const waits = await db.pool.query<LaneCount>(
      `select function_name as "functionName", sum(requests)::int as pending, 0 as running from lamplighter.list_waits() group by 1`,
    );
    expect(byName(waits.rows)).toEqual(expected);

    await using dashboard = openTestDashboard(db);
    const { body: overview } = await dashboard.get<Overview>('overview');
    expect(
      byName(
        overview.lanes.map(({ functionName, pending, running }) => ({ functionName, pending: pending.count, running })),
      ),
    ).toEqual(expected);

    const status = JSON.parse((await runCli(['status', '--json', '--uri', db.uri])).stdout);
    expect(
      byName(
        status.requests.map((lane: { functionName: string; pending: { count: number }; running: number }) => ({
          functionName: lane.functionName,
          pending: lane.pending.count,
          running: lane.running,
        })),
      ),
    ).toEqual(expected);

    await eventually(
      async () => {
        const metrics = await (await fetch(`http://${address}/metrics`)).text();
        const of = (name: string) =>
          new Map(
            [...metrics.matchAll(new RegExp(`^${name}\\{function="(\\w+)",model="default"\\} (\\d+)$`, 'gm'))].map(
              ([, key = '', value]) => [key, Number(value)],
            ),
          );
        const running = of('lamplighter_queue_running');
        const lanes = [...of('lamplighter_queue_pending')].map(([functionName, pending]) => ({
          functionName,
          pending,
          running: running.get(functionName) ?? 0,
        }));
        expect(byName(lanes)).toEqual(expected);
        expect(metrics).toMatch(/^lamplighter_tasks_queued 1$/m);
      },
      { timeoutMs: 60_000 },
    );
    expect([status.tasks.queued.count, overview.tasks.queued.count]).toEqual([1, 1]);
  } finally {
    measurer.kill('SIGTERM');
    await measurer.exited;
  }
});
