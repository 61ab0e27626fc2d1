/**
 * What completion handlers cost whoever ends requests: the same finishes of a hundred requests, in turns, by a statement that knows of no
 * handlers, where nobody has registered one, where another role has, and where their own role has. Only the finishes are measured, in CPU
 * time of the server where that can be read; the calls that follow are tasks, which `tasks.ts` measures.
 *
 * Target: 1 us a request more where nobody has registered.
 *
 * usage: tsx bench/handlers.ts [--rounds 9] [--requests 10000] [--quick] [--save]
 */

import pg from 'pg';
import { connectClient } from '../src/db/connection/connect-client.ts';
import { resolveConnection } from '../src/db/connection/connection-settings.ts';
import { migrate } from '../src/db/migrate/migrate.ts';
import { startSqlWorker } from '../test/support/sql-worker.ts';
import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import { monotonicMs } from './support/monotonic-ms.ts';
import { atMost, publish } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';

const options = readBenchOptions({ full: { rounds: 9, requests: 10_000 }, quick: { rounds: 1, requests: 1_000 } });

const FINISH = 'lamplighter.finish_requests';
const BRANCH = /if exists \(select from lamplighter\.handler\) then[\s\S]*?end if;/;
const OTHER = 'bench_handler_role';
const REGISTER = `select steadytext_on_completed('bench_on_completed(jsonb)')`;

await using server = await startBenchServer();
const uri = await server.createDatabase('bench_handlers');
const session = await connectClient(resolveConnection({ uri }, {}));
await migrate(session);
await session.end();
const client = new pg.Client({ connectionString: uri });
await client.connect();
await client.query(
  `set synchronous_commit = off;
   create function bench_on_completed(payload jsonb) returns void language sql as 'select';
   drop role if exists ${OTHER};
   create role ${OTHER} login;
   select lamplighter.grant_caller('${OTHER}')`,
);
const { rows: found } = await client.query<{ text: string }>(
  `select pg_get_functiondef(p.oid) as text from pg_proc as p where p.oid = to_regproc('${FINISH}')`,
);
const whole = found[0]?.text ?? '';
const without = whole.replace(BRANCH, '');
if (without === whole) throw new Error(`expected to find what ${FINISH} does for handlers`);

const SCENES = {
  'a finish that knows of no handlers': without,
  'nobody has registered a handler': whole,
  'another role has registered one': `${whole}; set role ${OTHER}; ${REGISTER}; reset role`,
  'their own role has registered one': `${whole}; ${REGISTER}`,
} as const;
type Scene = keyof typeof SCENES;
const scenes = Object.keys(SCENES) as Scene[]; // keys of the above

const taken = new Map<Scene, number[]>(scenes.map((scene) => [scene, []]));
for (let round = 0; round <= options.rounds; round += 1) {
  for (const scene of round % 2 === 0 ? scenes : [...scenes].reverse()) {
    const us = await measure(SCENES[scene]);
    // The first round only warms up.
    if (round > 0) taken.get(scene)?.push(us);
  }
}
await client.query(`drop owned by ${OTHER}; drop role ${OTHER}`);
await client.end();

const usOf = (scene: Scene) => median(taken.get(scene) ?? []);
/** In hundredths: the server's CPU is counted in steps that come to a microsecond a request. */
const moreOf = (scene: Scene) => Math.round((usOf(scene) - usOf('a finish that knows of no handlers')) * 100) / 100 + 0;
await publish(
  {
    bench: 'handlers',
    subject:
      'completion handlers, microseconds of server CPU to end a request, in finishes of 100; medians of rounds in turn',
    rows: scenes.map((scene) => ({
      scene,
      'us a request': round3(usOf(scene)),
      'more, us': moreOf(scene),
    })),
    verdicts: [
      atMost('handlers: us a request more where nobody has registered', moreOf('nobody has registered a handler'), 1),
    ],
  },
  options,
  server,
);

/** Microseconds that the end of one request takes. */
async function measure(setting: string): Promise<number> {
  await client.query(
    `truncate public.steadytext_queue; delete from lamplighter.handler; delete from lamplighter.delivery; delete from lamplighter.worker`,
  );
  await client.query(setting);
  await client.query(
    `select steadytext_embed_batch_async(array(select 'text ' || n from generate_series(1, ${options.requests}) as n), false)`,
  );
  const worker = await startSqlWorker(client);
  let ms = 0;
  let ended = 0;
  for (;;) {
    const claimed = await worker.claim();
    if (claimed.length === 0) break;
    const before = await server.cpuSeconds();
    const startMs = monotonicMs();
    await worker.finish(claimed, { kind: 'completed', result: '[1]' });
    const wallMs = monotonicMs() - startMs;
    const after = await server.cpuSeconds();
    ms += before === undefined || after === undefined ? wallMs : (after - before) * 1_000;
    ended += claimed.length;
  }
  if (ended !== options.requests) throw new Error(`expected ${options.requests} requests to end, got ${ended}`);
  return (ms * 1_000) / ended;
}
