/**
 * What tracing costs a request while nobody traces. In SQL: the column's default and its check, evaluated for rows without a traceparent,
 * in the processor's time of the server. A whole request takes some 25 us there and differs by more than the target from one time to the
 * next. The column itself takes no byte: a null is a bit that the row has anyhow. In the worker: the code that begins and ends spans, without
 * an SDK, for batches of one request. Of both the least of all rounds. Beside it what a whole worker does a second without and with an SDK
 * whose spans go nowhere, in turns, with a traceparent on each request in the latter case.
 *
 * Target: one microsecond a request for SQL and worker together, while nobody traces.
 *
 * usage: tsx bench/traces.ts [--rounds 5] [--requests 9000] [--quick] [--save]
 */

import process from 'node:process';
import { trace } from '@opentelemetry/api';
import { BasicTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import pg from 'pg';
import { connectClient } from '../src/db/connection/connect-client.ts';
import { resolveConnection } from '../src/db/connection/connection-settings.ts';
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
/** Evaluated so often for one figure: a hundredth of a microsecond is 10 ms of the processor then. */
const EVALUATIONS = options.isQuick ? 20_000 : 1_000_000;
await client.query(
  `create temporary table untraced as select null::text collate "C" as traceparent from generate_series(1, ${EVALUATIONS}) as n`,
);
await client.query('analyze untraced; set jit = off; set max_parallel_workers_per_gather = 0');

/** Microseconds of the server that an expression takes for a row without a traceparent. */
async function measureExpression(text: string): Promise<number> {
  const began = await server.cpuSeconds();
  const beganMs = monotonicMs();
  await client.query(`select count(*) filter (where (${text})) from untraced`);
  const ms = monotonicMs() - beganMs;
  const ended = await server.cpuSeconds();
  return ((began === undefined || ended === undefined ? ms / 1e3 : ended - began) * 1e6) / EVALUATIONS;
}

/** The default of the column is computed once for a request, its check at the insert, the claim and the end. */
const CHECKED = 3;
const expressions = { nothing: [] as number[], fallback: [] as number[], check: [] as number[] };
for (let round = 0; round <= options.rounds; round += 1) {
  expressions.nothing.push(await measureExpression('traceparent is not null'));
  expressions.fallback.push(await measureExpression(`(${expression}) is not null`));
  expressions.check.push(await measureExpression(condition.replace(/^CHECK/, '')));
}
// Whatever else runs only adds to what is measured.
const least = (values: readonly number[]) => Math.min(...values);
const none = least(expressions.nothing);
const sqlUs = least(expressions.fallback) - none + CHECKED * Math.max(0, least(expressions.check) - none);

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
  // Made once: tsx names each function as it is made, which takes 0.4 us and is no part of the program.
  const askers = () => [];
  const began = process.cpuUsage();
  for (let at = 0; at < times; at += 1) {
    const entry = entries[at % entries.length];
    if (entry === undefined) break;
    if (!isTraced) {
      await run();
      continue;
    }
    startProcessSpans([entry]);
    await traceModelCall({ model, functionName: 'embed', itemCount: 1, askers }, run);
    endProcessSpan(entry, outcome, 'completed');
  }
  const { user, system } = process.cpuUsage(began);
  return (user + system) / times;
}

const code = { without: [] as number[], withIt: [] as number[] };
for (let round = 0; round <= options.rounds; round += 1) {
  code.without.push(await measureCode(false));
  code.withIt.push(await measureCode(true));
}
const codeUs = Math.max(0, least(code.withIt) - least(code.without));

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
    subject: 'what tracing costs a request; the least of all rounds, and of a whole worker the median',
    rows: [
      { figure: 'off: SQL, us a request', value: round3(sqlUs) },
      { figure: 'off: worker, us a request', value: round3(codeUs) },
      { figure: 'worker without an SDK, requests/s', value: round3(median(worker.off)) },
      { figure: 'worker with an SDK, 2 spans a request or batch, requests/s', value: round3(median(worker.on)) },
    ],
    verdicts: [atMost('off, us a request', round3(sqlUs + codeUs), 1)],
  },
  options,
  server,
);
