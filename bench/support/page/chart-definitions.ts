import type { Row, SavedReport } from '../report.ts';
import { drawBars, drawLines } from './charts.ts';

/** A chart of the page: its file, what a reader without images is told, and how it is drawn from the figures of a bench. */
export interface ChartDefinition {
  readonly bench: string;
  readonly file: string;
  readonly alternative: string;
  draw(report: SavedReport): string;
}

const SERVER = '#b5541c';
const WORKER = '#e3a06f';

export const CHARTS: readonly ChartDefinition[] = [
  {
    bench: 'throughput',
    file: 'throughput.svg',
    alternative: 'Requests per second in batches, by queue',
    draw: ({ rows }) =>
      drawBars({
        title: 'Requests per second, in batches',
        unit: 'no-op handler, one worker process; longer is better',
        labels: texts(rows, 'queue'),
        series: [{ name: 'requests/s', values: numbers(rows, 'requests/s') }],
      }),
  },
  {
    bench: 'throughput',
    file: 'throughput-cpu.svg',
    alternative: 'CPU for each request in batches, server and worker, by queue',
    draw: ({ rows }) => {
      const batched = rows.filter((row) => String(row['queue']).includes('batched'));
      return drawBars({
        title: 'CPU for each request, in batches',
        unit: 'microseconds, all processes of the server and the worker; shorter is better',
        labels: texts(batched, 'queue'),
        series: [
          { name: 'server', values: numbers(batched, 'server us'), colour: SERVER },
          { name: 'worker', values: numbers(batched, 'worker us'), colour: WORKER },
        ],
        areStacked: true,
      });
    },
  },
  {
    bench: 'one-at-a-time',
    file: 'one-at-a-time.svg',
    alternative: 'Requests per second, one for each call of the handler, by queue',
    draw: ({ rows }) =>
      drawBars({
        title: 'Requests per second, one for each call of the handler',
        unit: 'no-op handler, one worker process; longer is better',
        labels: texts(rows, 'queue'),
        series: [{ name: 'requests/s', values: numbers(rows, 'requests/s') }],
      }),
  },
  {
    bench: 'latency',
    file: 'latency.svg',
    alternative: 'Milliseconds from commit to handler, median and 99th percentile, by queue and rate',
    draw: ({ rows }) => {
      // Half a second would leave the others no room.
      const woken = rows.filter((row) => !String(row['queue']).startsWith('pg-boss'));
      return drawBars({
        title: 'From commit to the call of the handler',
        unit: 'milliseconds; shorter is better. pg-boss polls: see the table',
        labels: woken.map((row) => `${row['queue']}: ${row['rate']}`),
        series: [
          { name: 'median (pale)', values: numbers(woken, 'p50') },
          { name: '99th percentile', values: numbers(woken, 'p99') },
        ],
      });
    },
  },
  {
    bench: 'snapshot',
    file: 'snapshot.svg',
    alternative: 'Requests per second while a snapshot is held, step by step',
    draw: ({ rows, requests }) => {
      const steps = Object.keys(rows[0] ?? {}).filter((column) => column.startsWith('step '));
      return drawLines({
        title: 'While another session holds a snapshot',
        unit: 'requests per second in each step; flat is better',
        xName: 'requests that have passed under the snapshot',
        xLabels: steps.map((_, step) => thousands(requests * (step + 1))),
        series: rows.map((row) => ({ name: String(row['queue']), values: steps.map((step) => Number(row[step])) })),
      });
    },
  },
  {
    bench: 'backlog',
    file: 'backlog.svg',
    alternative: 'Milliseconds of a claim by the size of the backlog',
    draw: ({ rows }) => {
      const waiting = rows.filter((row) => String(row['scenario']).endsWith(' waiting'));
      const scenarios = [...new Set(texts(waiting, 'scenario'))];
      return drawLines({
        title: 'One claim of 500 requests, by what waits',
        unit: 'milliseconds, logarithmic; flat and low is better',
        xName: 'requests waiting',
        xLabels: scenarios.map((scenario) => scenario.replace(' waiting', '')),
        series: [...new Set(texts(waiting, 'queue'))].map((queue) => ({
          name: queue,
          values: scenarios.map((scenario) => {
            const row = waiting.find((one) => one['queue'] === queue && one['scenario'] === scenario);
            return row === undefined ? undefined : Number(row['median ms']);
          }),
        })),
        isLogarithmic: true,
      });
    },
  },
  {
    bench: 'notify',
    file: 'notify.svg',
    alternative: 'Requests per second that 32 callers enqueue, by how the worker learns of them',
    draw: ({ rows }) =>
      drawBars({
        title: 'Enqueued by 32 callers, one by one',
        unit: 'requests per second; longer is better',
        labels: texts(rows, 'worker'),
        series: [{ name: 'requests/s', values: numbers(rows, 'requests/s'), colour: SERVER }],
      }),
  },
  {
    bench: 'embedding',
    file: 'embedding.svg',
    alternative: 'Texts embedded per second, through Lamplighter and by bare loops',
    draw: ({ rows }) =>
      drawBars({
        title: 'Embedding texts of mixed lengths',
        unit: 'texts per second on the CPU; longer is better',
        labels: rows.map(
          (row) => `${row['what'] === 'through the port' ? 'Lamplighter' : row['what']}: ${row['model']}`,
        ),
        series: [{ name: 'texts/s', values: numbers(rows, 'texts/s') }],
      }),
  },
  {
    bench: 'vector-place',
    file: 'vector-place.svg',
    alternative: 'Write-ahead log of an unrelated update, by where the vector stands',
    draw: ({ rows }) =>
      drawBars({
        title: 'An update that has nothing to do with the vector',
        unit: 'bytes of write-ahead log for each row; shorter is better',
        labels: texts(rows, 'vector').map((place) => `vector ${place}`),
        series: [
          { name: 'after a checkpoint (pale)', values: numbers(rows, 'WAL bytes after a checkpoint') },
          { name: 'later', values: numbers(rows, 'WAL bytes') },
        ],
      }),
  },
  {
    bench: 'neighbours',
    file: 'neighbours.svg',
    alternative: 'Transactions per second of other sessions, by what the daemon does',
    draw: ({ rows }) =>
      drawBars({
        title: 'Eight sessions on another table of the database',
        unit: 'transactions per second; longer is better',
        labels: texts(rows, 'beside'),
        series: [{ name: 'transactions/s', values: numbers(rows, 'transactions/s'), colour: SERVER }],
      }),
  },
  {
    bench: 'change-log',
    file: 'change-log.svg',
    alternative: 'Milliseconds of a claim by the length of the change log',
    draw: ({ rows }) =>
      drawLines({
        title: 'One claim of 500 changed rows',
        unit: 'milliseconds; flat is better',
        xName: 'changes in the log',
        xLabels: numbers(rows, 'changes').map(thousands),
        series: [{ name: 'median', values: numbers(rows, 'median ms') }],
      }),
  },
  {
    bench: 'soak',
    file: 'soak.svg',
    alternative: 'Requests per second as requests pass through',
    draw: ({ rows }) =>
      drawLines({
        title: 'As requests pass through',
        unit: 'requests per second: enqueued, worked and deleted at the same time; flat is better',
        xName: 'requests that have passed',
        xLabels: numbers(rows, 'passed').map(thousands),
        series: [{ name: 'Lamplighter', values: numbers(rows, 'requests/s') }],
      }),
  },
  {
    bench: 'soak',
    file: 'soak-size.svg',
    alternative: 'Size of table and indexes as requests pass through',
    draw: ({ rows }) =>
      drawLines({
        title: 'Table and indexes as requests pass through',
        unit: 'MB; flat is better',
        xName: 'requests that have passed',
        xLabels: numbers(rows, 'passed').map(thousands),
        series: [
          { name: 'Lamplighter, table', values: numbers(rows, 'table MB') },
          { name: 'Lamplighter, indexes', values: numbers(rows, 'indexes MB'), isDashed: true },
        ],
      }),
  },
];

function texts(rows: readonly Row[], column: string): string[] {
  return rows.map((row) => String(row[column]));
}

function numbers(rows: readonly Row[], column: string): number[] {
  return rows.map((row) => Number(row[column]));
}

/** `700 k`, `10 M`. */
function thousands(count: number): string {
  return count >= 1e6 ? `${Math.round(count / 1e5) / 10} M` : `${Math.round(count / 1e3)} k`;
}
