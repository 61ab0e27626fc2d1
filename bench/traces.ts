/**
 * What tracing costs a request while nobody traces. In SQL: a batch is queued, claimed and ended, with the column's default and its check
 * and without both, in turns; server CPU time where that can be read, as others may use the machine. In the worker: the code that begins and
 * ends spans, without an SDK, for batches of one request. Beside it what a whole worker does a second without and with an SDK whose spans
 * go nowhere, in turns, with a traceparent on each request in the latter case.
 *
 * Target: one microsecond a request for SQL and worker together, while nobody traces.
 *
 * usage: tsx bench/traces.ts [--rounds 5] [--requests 9000] [--quick] [--save]
 */

import process from 'node:process';
import { trace } from '@opentelemetry/api';
import { BasicTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import pg from 'pg';
import { connectClient } from '../src/db/connect-client.ts';
import { resolveConnection } from '../src/db/connection-settings.ts';
import { migrate } from '../src/db/migrate/migrate.ts';
import { createWorker } from '../src/index.ts';
import { traceModelCall } from '../src/models/call-span.ts';
import { defineModel } from '../src/models/define-model.ts';
import { createInFlight } from '../src/worker/requests/in-flight.ts';
import { endProcessSpan, startProcessSpans } from '../src/worker/requests/run/process-spans.ts';
import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import { monotonicMs } from './support/monotonic-ms.ts';
import { createNullProvider } from './support/null-provider.ts';
import { atMost, publish } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';

const options = readBenchOptions({ full: { rounds: 5, requests: 9_000 }, quick: { rounds: 1, requests: 2_000 } });
const count = options.requests;
/** Of one drain. */
const LONGEST_MS = 120_000;
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

await using server = await startBenchServer();
const uri = await server.createDatabase('bench_traces');
const session = await connectClient(resolveConnection({ uri }, {}));
await migrate(session);
await session.end();
const client = new pg.Client({ connectionString: uri });
await client.connect();
await client.query('set synchronous_commit = off');

const { rows: definitions } = await client.query<{ expression: string; condition: string }>(
  `select pg_get_expr(d.adbin, d.adrelid) as expression, pg_get_constraintdef(c.oid) as condition
   from pg_attrdef as d
   join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum and a.attname = 'traceparent'
   join pg_constraint as c on c.conrelid = d.adrelid and c.conname = 'steadytext_queue_traceparent_is_valid'`,
);
const { expression, condition } = definitions[0] ?? { expression: '', condition: '' };
const WITHOUT = `alter table public.steadytext_queue alter column traceparent drop default;
  alter table public.steadytext_queue drop constraint if exists steadytext_queue_traceparent_is_valid`;
const WITH = `${WITHOUT}; alter table public.steadytext_queue alter column traceparent set default ${expression};
  alter table public.steadytext_queue add constraint steadytext_queue_traceparent_is_valid ${condition}`;

/** CPU time comes in steps of 10 ms, which is 1.1 us for 9,000 requests: so many batches make that a twentieth of the target. */
const BATCHES = options.isQuick ? 1 : 24;

/** Microseconds a request, from queueing to its end. */
async function measureSql(): Promise<number> {
  await server.checkpoint();
  const beganCpu = await server.cpuSeconds();
  const beganMs = monotonicMs();
  for (let batch = 0; batch < BATCHES; batch += 1) {
    await client.query('truncate public.steadytext_queue');
    await client.query(
      `select lamplighter.enqueue_requests('embed', array(select jsonb_build_object('text_input', n::text) from generate_series(1, ${count}) as n), 0, null)`,
    );
    await client.query(`update public.steadytext_queue set status = 'processing', run_at = '9000-01-01 00:00+00'`);
    await client.query(`update public.steadytext_queue set status = 'completed', result = 'ok'`);
  }
  const ms = monotonicMs() - beganMs;
  const endedCpu = await server.cpuSeconds();
  return (
    ((beganCpu === undefined || endedCpu === undefined ? ms / 1e3 : endedCpu - beganCpu) * 1e6) / (count * BATCHES)
  );
}

const sql = { without: [] as number[], withIt: [] as number[] };
for (let round = 0; round <= options.rounds; round += 1) {
  await client.query(WITHOUT);
  const without = await measureSql();
  await client.query(WITH);
  const withIt = await measureSql();
  if (round === 0 && options.rounds > 1) continue;
  sql.without.push(without);
  sql.withIt.push(withIt);
}
const sqlUs = median(sql.withIt.map((value, at) => value - (sql.without[at] ?? 0)));

/** Microseconds of the processor a request that the worker's code takes, with or without what begins and ends spans. */
async function measureCode(isTraced: boolean): Promise<number> {
  const inFlight = createInFlight();
  const model = defineModel({ name: 'm', runtime: 'bench', fingerprint: 'm' });
  const times = 200_000;
  const lane = { functionName: 'embed', model: 'default' } as const;
  const requests = Array.from({ length: 1_000 }, (_, at) => ({
    id: String(at),
    requestId: String(at),
    lane,
    username: 'app',
    parameters: '{}',
    priority: 0,
    createdUs: '0',
    attempt: 1,
    retryCount: 0,
    traceparent: null,
  }));
  const entries = inFlight.add({ workerId: 'w', claimNumber: 1 }, requests);
  const outcome = { kind: 'completed', result: 'ok' } as const;
  const run = async () => [];
  const began = process.cpuUsage();
  for (let at = 0; at < times; at += 1) {
    const entry = entries[at % entries.length];
    if (entry === undefined) break;
    if (!isTraced) {
      await run();
      continue;
    }
    startProcessSpans([entry]);
    await traceModelCall({ model, functionName: 'embed', itemCount: 1, askers: () => [] }, run);
    endProcessSpan(entry, outcome, 'completed');
  }
  const { user, system } = process.cpuUsage(began);
  return (user + system) / times;
}

const code: number[] = [];
for (let round = 0; round <= options.rounds; round += 1) {
  const without = await measureCode(false);
  const withIt = await measureCode(true);
  if (round > 0 || options.rounds === 1) code.push(withIt - without);
}

const NOWHERE: SpanProcessor = {
  onStart: () => undefined,
  onEnd: () => undefined,
  forceFlush: async () => undefined,
  shutdown: async () => undefined,
};

/** Requests a second that a worker answers, from its start. */
async function measureWorker(isTraced: boolean): Promise<number> {
  await client.query('truncate public.steadytext_queue');
  await client.query("select set_config('lamplighter.traceparent', $1, false)", [isTraced ? TRACEPARENT : '']);
  await client.query(
    `select lamplighter.enqueue_requests('generate', array(select jsonb_build_object('prompt', n::text, 'use_cache', false) from generate_series(1, ${count}) as n), 0, null)`,
  );
  if (isTraced) trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [NOWHERE] }));
  let handled = 0;
  let resolveDone: () => void = () => undefined;
  const done = new Promise<void>((resolve, reject) => {
    resolveDone = resolve;
    AbortSignal.timeout(LONGEST_MS).addEventListener('abort', () => reject(new Error('the worker did not get done')));
  });
  done.catch(() => undefined);
  const provider = createNullProvider({
    maxBatch: 64,
    onHandled(items) {
      handled += items;
      if (handled >= count) resolveDone();
    },
  });
  const beganMs = monotonicMs();
  const worker = await createWorker({
    uri,
    functions: ['generate'],
    generateModel: 'bench/null',
    providers: [provider],
  });
  await done;
  await worker.stop();
  const seconds = (monotonicMs() - beganMs) / 1e3;
  trace.disable();
  return count / seconds;
}

const worker = { off: [] as number[], on: [] as number[] };
for (let round = 0; round <= options.rounds; round += 1) {
  const off = await measureWorker(false);
  const on = await measureWorker(true);
  if (round === 0 && options.rounds > 1) continue;
  worker.off.push(off);
  worker.on.push(on);
}
await client.end();

await publish(
  {
    bench: 'traces',
    subject: 'what tracing costs a request; medians of rounds in turn',
    rows: [
      { figure: 'off: SQL, us a request', value: round3(sqlUs), of: round3(median(sql.withIt)) },
      { figure: 'off: worker, us a request', value: round3(median(code)) },
      { figure: 'worker without an SDK, requests/s', value: round3(median(worker.off)) },
      { figure: 'worker with an SDK, 2 spans a request or batch, requests/s', value: round3(median(worker.on)) },
    ],
    verdicts: [atMost('off, us a request', round3(sqlUs + median(code)), 1)],
  },
  options,
  server,
);
