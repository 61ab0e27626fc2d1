import pg from 'pg';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { readRepositoryFile } from '../docs/markdown-page.ts';
import { createTestDatabase } from '../support/database.ts';

const targetSchema = z.looseObject({ refId: z.string(), expr: z.string().optional(), rawSql: z.string().optional() });
const dashboardSchema = z.looseObject({
  uid: z.string(),
  title: z.string(),
  schemaVersion: z.number(),
  __inputs: z.tuple([z.looseObject({ name: z.string(), pluginId: z.string() })]),
  panels: z.array(
    z.looseObject({
      id: z.number(),
      title: z.string(),
      type: z.enum(['stat', 'timeseries', 'table']),
      gridPos: z.strictObject({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
      datasource: z.strictObject({ type: z.string(), uid: z.string() }),
      targets: z.array(targetSchema).min(1),
    }),
  ),
});
const read = (name: string) => dashboardSchema.parse(JSON.parse(readRepositoryFile(`deploy/grafana/${name}.json`)));
const dashboards = { prometheus: read('lamplighter-prometheus'), sql: read('lamplighter-sql') };

test.each(Object.values(dashboards))(
  '$title can be imported: its panels have ids of their own, do not overlap, and ask the source that is asked for',
  ({ panels, __inputs: [input] }) => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { gridPos, datasource } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      expect(datasource).toEqual({ type: input.pluginId, uid: `\${${input.name}}` });
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x} ${y}`)).toBe(false);
          taken.add(`${x} ${y}`);
        }
      }
    }
  },
);

test('the dashboard of Prometheus asks for metrics that are documented', () => {
  const documented = readRepositoryFile('docs/reference/metrics.md');
  const asked = new Set(
    dashboards.prometheus.panels.flatMap(({ targets }) =>
      targets.flatMap(({ expr = '' }) => expr.match(/\blamplighter_\w+/g) ?? []),
    ),
  );
  expect(asked.size).toBeGreaterThan(10);
  const isDocumented = (name: string) => documented.includes(`\`${name.replace(/_bucket$/, '')}\``);
  expect([...asked].filter((name) => !isDocumented(name))).toEqual([]);
});

test('a role that may monitor, and no more, runs every query of the dashboard of SQL, in any range of time', async () => {
  await using db = await createTestDatabase();
  const role = await db.createRole('grafana');
  await db.pool.query('select lamplighter.grant_monitor($1)', [role.name]);
  await db.pool.query("select steadytext_embed_async('a'), lantern.async_task('select 1')");
  const client = new pg.Client({ connectionString: role.uri });
  await client.connect();
  try {
    const queries = dashboards.sql.panels.flatMap(({ targets }) => targets.flatMap(({ rawSql }) => rawSql ?? []));
    expect(queries.length).toBe(dashboards.sql.panels.length);
    for (const [range, interval] of [
      ['1 hour', '15s'],
      ['6 hours', '5m'],
      ['30 days', '1h'],
    ]) {
      for (const query of queries) {
        // As Grafana does.
        const text = query
          .replaceAll('$__timeFrom()', `(now() - interval '${range}')`)
          .replaceAll('$__timeTo()', 'now()')
          .replaceAll('$__interval', interval ?? '');
        expect(text).not.toContain('$__');
        await client.query(text);
      }
    }
    const pending = queries.find((query) => query.includes('as "pending"')) ?? '';
    expect((await client.query(pending)).rows).toEqual([{ pending: '1' }]);
  } finally {
    await client.end();
  }
});
