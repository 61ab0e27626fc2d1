/**
 * What a request costs when the handler takes one at a time: first with one handler at once, where every request pays its round trips
 * and waits for the disk, then with 24 at once. Otherwise as in throughput.ts.
 *
 * Target: at least twice graphile-worker unbatched in the same round, in both.
 *
 * usage: tsx bench/one-at-a-time.ts [--rounds 5] [--requests 2000] [--quick] [--save] [--only lamplighter-serial,graphile-serial]
 */

import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import { compareDrains } from './support/compare-drains.ts';
import { atLeast, publish } from './support/report.ts';

const options = readBenchOptions({ full: { rounds: 5, requests: 2_000 }, quick: { rounds: 1, requests: 300 } });
await using server = await startBenchServer();
const serial = await compareDrains(server, ['lamplighter-serial', 'graphile-serial', 'pg-boss-serial'], options);
const parallel = await compareDrains(server, ['lamplighter', 'graphile', 'pg-boss'], {
  ...options,
  requests: options.requests * 3,
});
await publish(
  {
    bench: 'one-at-a-time',
    subject: 'no-op handler that takes one request, synchronous_commit on; medians of rounds in turn',
    rows: [...serial.rows, ...parallel.rows],
    verdicts: [
      atLeast(
        'one at once, beside graphile-worker unbatched',
        serial.ratioTo('lamplighter-serial', 'graphile-serial'),
        2,
      ),
      atLeast('24 at once, beside graphile-worker unbatched', parallel.ratioTo('lamplighter', 'graphile'), 2),
    ],
  },
  options,
  server,
);
