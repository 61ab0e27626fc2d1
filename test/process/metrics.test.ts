import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { METRIC_LABELS, METRICS } from '../../src/monitoring/metric-list.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { embed } from '../support/requests.ts';
import { startWatchedWorker, type WatchedScene } from './watched-worker.ts';

let db: TestDatabase;
let scene: WatchedScene;
let text: string;
beforeAll(async () => {
  db = await createTestDatabase();
  await db.pool.query(`select steadytext_pause('rerank')`);
  scene = await startWatchedWorker(db.uri);
  await embed(db.pool, ['a', 'b', 'c']);
  await db.pool.query(`select steadytext_rerank_async('query', array['text'])`);
  await db.pool.query(`insert into steadytext_queue (function_name, model, parameters) values ('embed', $1, '{}')`, [
    'hostile "\\\n} 1 # HELP model',
  ]);
  await db.pool.query(`select lantern.async_task('select 1')`);
  text = await eventually(
    async () => {
      const scraped = (await scene.get('/metrics')).text;
      expect(scraped).toContain('lamplighter_tasks_ended_total{status="completed"} 1');
      expect(scraped).toMatch(/lamplighter_requests_ended_total\{.*status="completed"\} 3/);
      expect(scraped).toContain('lamplighter_queue_is_paused{function="rerank"');
      return scraped;
    },
    { timeoutMs: 40_000 },
  );
}, 60_000);
afterAll(async () => {
  await scene?.[Symbol.asyncDispose]();
  await db?.[Symbol.asyncDispose]();
});

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the text format as strictly as its grammar is: each line is a comment of a family, or a sample of the family that is open. */
function parse(exposition: string): { families: Map<string, string>; samples: Sample[] } {
  const families = new Map<string, string>();
  const samples: Sample[] = [];
  let family = '';
  for (const line of exposition.split('\n')) {
    if (line === '') continue;
    const help = /^# HELP ([a-zA-Z_:][\w:]*) ((?:[^\\\n]|\\\\|\\n)+)$/.exec(line);
    const type = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram)$/.exec(line);
    const sample =
      /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)*)\})? (-?[\d.]+(?:e[+-]?\d+)?|\+Inf|NaN)$/.exec(
        line,
      );
    if (help !== null) {
      family = help[1] ?? '';
      if (families.has(family)) throw new Error(`${family} comes twice`);
      families.set(family, '');
    } else if (type !== null) {
      if (type[1] !== family) throw new Error(`a type without its help: ${line}`);
      families.set(family, type[2] ?? '');
    } else if (sample !== null) {
      const [, name = '', labels = '', value = ''] = sample;
      if (name.replace(/_(bucket|sum|count)$/, '') !== family && name !== family)
        throw new Error(`not of ${family}: ${line}`);
      const pairs = [...labels.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\\n]|\\.)*)"/g)].map((pair) => [pair[1], pair[2]]);
      samples.push({ name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) });
    } else throw new Error(`not of the format: ${line}`);
  }
  return { families, samples };
}

test('each metric is one of the list, with its type and its labels, and none is told twice', () => {
  const { families, samples } = parse(text);
  expect([...families]).toEqual(METRICS.map(({ name, type }) => [name, type]));
  const known = new Set<string>([...METRIC_LABELS, 'le']);
  expect(samples.flatMap(({ labels }) => Object.keys(labels)).filter((label) => !known.has(label))).toEqual([]);
  for (const { name, labels } of METRICS) {
    const own = samples.filter((sample) => sample.name.replace(/_(bucket|sum|count)$/, '') === name);
    for (const sample of own) {
      expect(
        Object.keys(sample.labels)
          .filter((label) => label !== 'le')
          .sort(),
      ).toEqual([...labels].sort());
    }
  }
  const keys = samples.map(({ name, labels }) => JSON.stringify([name, Object.entries(labels).sort()]));
  expect(new Set(keys).size).toBe(keys.length);
});

test('buckets of a histogram grow to its count', () => {
  const { samples } = parse(text);
  const buckets = samples.filter(
    ({ name, labels }) => name === 'lamplighter_request_run_seconds_bucket' && labels['function'] === 'embed',
  );
  expect(buckets.map(({ value }) => value)).toEqual([...buckets.map(({ value }) => value)].sort((a, b) => a - b));
  expect(buckets.at(-1)).toMatchObject({ labels: { le: '+Inf' }, value: 3 });
  expect(samples).toContainEqual({
    name: 'lamplighter_request_run_seconds_count',
    labels: { function: 'embed', model: 'default' },
    value: 3,
  });
});

test('what waits for a worker that serves it, or for its function, is told', () => {
  const { samples } = parse(text);
  const of = (name: string, functionName: string) =>
    samples
      .filter((sample) => sample.name === name && sample.labels['function'] === functionName)
      .map(({ value }) => value);
  expect(of('lamplighter_queue_is_paused', 'rerank')).toEqual([1]);
  expect(of('lamplighter_queue_is_served', 'embed')).toContain(0);
  expect(of('lamplighter_queue_pending', 'rerank')).toEqual([1]);
});

test('promtool finds nothing to say about it', ({ skip }) => {
  const { error, status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  skip(error !== undefined, 'promtool is not installed (Debian: prometheus): the grammar above was checked alone');
  expect(`${stdout}${stderr}`).toBe('');
  expect(status).toBe(0);
});
