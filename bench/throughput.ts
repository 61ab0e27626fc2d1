/**
 * What a request costs when the handler does nothing and requests come in batches: requests per second, CPU of server and worker, and
 * write-ahead log, beside graphile-worker (batched, and as it comes) and pg-boss. All drain a backlog of the same size from the same
 * server, in turn, for some rounds, each from a process of its own. Ours keeps results and sends events, pg-boss keeps its jobs,
 * graphile-worker deletes them; every end is on disk before the next is taken up. graphile-worker as it comes drains a tenth of them.
 *
 * Targets: at least twice graphile-worker batched in the same round; at most 640 bytes of log from claim to finish.
 *
 * usage: tsx bench/throughput.ts [--rounds 5] [--requests 20000] [--quick] [--save] [--only lamplighter-batched,graphile-batched]
 */

import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import { compareDrains } from './support/compare-drains.ts';
import type { ContenderName } from './support/contenders/registry.ts';
import { atLeast, atMost, publish } from './support/report.ts';

const OURS = 'lamplighter-batched';
const NAMES: readonly ContenderName[] = [OURS, 'graphile-batched', 'graphile', 'pg-boss-batched'];

/** Not batched, the same number would take most of the time. */
const UNBATCHED_SHARE = 0.1;

const options = readBenchOptions({ full: { rounds: 5, requests: 20_000 }, quick: { rounds: 1, requests: 4_000 } });
await using server = await startBenchServer();
const { rows, ratioTo, medianOf } = await compareDrains(server, NAMES, options, (name) =>
  name === 'graphile' ? Math.ceil(options.requests * UNBATCHED_SHARE) : options.requests,
);
await publish(
  {
    bench: 'throughput',
    subject: 'no-op handler, batches of 500, synchronous_commit on; medians of rounds in turn',
    rows,
    verdicts: [
      atLeast('throughput beside graphile-worker batched', ratioTo(OURS, 'graphile-batched'), 2),
      atMost(
        'bytes of log from claim to finish',
        medianOf(OURS, (drain) => drain.workWal),
        640,
      ),
    ],
  },
  options,
  server,
);
