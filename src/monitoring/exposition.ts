import type { Counter, Gauge, Registry } from 'prom-client';
import { BOUNDS_S } from './histogram.ts';
import type { LaneMeter, Meter } from './meter.ts';
import { METRICS, type MetricLabel, type MetricName } from './metric-list.ts';
import type { Figures } from './read-figures.ts';
import type { Health } from './read-health.ts';

/** Models with series of their own among what waits: their names are whatever callers write. The others are counted as `other`. */
const MOST_MODELS = 50;

/** What one process knows of the whole installation. */
export interface InstallationFigures {
  readonly figures: Figures;
  readonly health: Health;
}

/** What there is to tell of a process and one of its databases. */
export interface ProcessFigures {
  readonly meter: Meter;
  readonly inFlight: number;
  readonly heartbeatAgeMs: number | undefined;
  /** Undefined where another process measures the installation. */
  readonly installation: InstallationFigures | undefined;
}

type Labels = Partial<Record<MetricLabel, string>>;

/** Where figures go by name; those of several databases with the same labels are put together. */
interface Board {
  add(name: MetricName, labels: Labels, value: number): void;
  most(name: MetricName, labels: Labels, value: number): void;
  least(name: MetricName, labels: Labels, value: number): void;
  spans(name: MetricName, labels: Labels, counts: readonly number[], sumS: number): void;
}

/** The text that Prometheus reads, with its content type. Asks no database. */
export async function renderExposition(
  processes: readonly ProcessFigures[],
): Promise<{ readonly text: string; readonly contentType: string }> {
  const prometheus = await import('prom-client');
  const registry = new prometheus.Registry();
  const board = createBoard(prometheus, registry);
  for (const { meter, inFlight, heartbeatAgeMs, installation } of processes) {
    for (const lane of meter.lanes()) tellLane(board, lane);
    board.add('lamplighter_rescues_total', {}, meter.rescues());
    board.add('lamplighter_in_flight', {}, inFlight);
    if (heartbeatAgeMs !== undefined) board.most('lamplighter_heartbeat_age_seconds', {}, heartbeatAgeMs / 1_000);
    if (installation !== undefined) tellInstallation(board, installation);
  }
  return { text: await registry.metrics(), contentType: registry.contentType };
}

function tellLane(board: Board, { system, functionName, model, totals }: LaneMeter): void {
  const { completed, failed, cancelled, retries, tokens, waits, runs, waitSumS, runSumS } = totals;
  const hasRun = completed + failed + cancelled + retries + runs.length > 0;
  if (!hasRun) return;
  if (system === 'requests') {
    const labels = { function: functionName, model };
    board.add('lamplighter_requests_ended_total', { ...labels, status: 'completed' }, completed);
    board.add('lamplighter_requests_ended_total', { ...labels, status: 'failed' }, failed);
    board.add('lamplighter_request_retries_total', labels, retries);
    board.spans('lamplighter_request_wait_seconds', labels, waits, waitSumS);
    board.spans('lamplighter_request_run_seconds', labels, runs, runSumS);
  } else if (system === 'tasks') {
    for (const [status, count] of Object.entries({ completed, failed, cancelled })) {
      board.add('lamplighter_tasks_ended_total', { status }, count);
    }
    board.add('lamplighter_task_retries_total', {}, retries);
    board.spans('lamplighter_task_run_seconds', {}, runs, runSumS);
  } else {
    const labels = { job: functionName, model };
    board.add('lamplighter_embeddings_ended_total', { ...labels, status: 'completed' }, completed);
    board.add('lamplighter_embeddings_ended_total', { ...labels, status: 'failed' }, failed);
    board.spans('lamplighter_embedding_run_seconds', labels, runs, runSumS);
    board.add('lamplighter_tokens_total', labels, tokens);
  }
}

function tellInstallation(board: Board, { figures, health }: InstallationFigures): void {
  const named = new Set<string>();
  for (const lane of figures.lanes) {
    if (named.size < MOST_MODELS) named.add(lane.model);
    const labels = { function: lane.functionName, model: named.has(lane.model) ? lane.model : 'other' };
    board.add('lamplighter_queue_pending', labels, lane.pending.count);
    board.most('lamplighter_queue_pending_is_bounded', labels, lane.pending.isExact ? 0 : 1);
    board.add('lamplighter_queue_running', labels, lane.running);
    board.most('lamplighter_queue_oldest_pending_seconds', labels, (lane.oldestPendingMs ?? 0) / 1_000);
    board.least('lamplighter_queue_is_served', labels, lane.isServed ? 1 : 0);
    board.most('lamplighter_queue_is_paused', labels, lane.isPaused ? 1 : 0);
  }
  const { tasks, jobs, workers } = figures;
  board.add('lamplighter_tasks_queued', {}, tasks.queued.count);
  board.add('lamplighter_tasks_running', {}, tasks.running);
  board.most('lamplighter_tasks_oldest_queued_seconds', {}, (tasks.oldestQueuedMs ?? 0) / 1_000);
  board.least('lamplighter_tasks_are_served', {}, tasks.isServed ? 1 : 0);
  for (const { id, model, queued, lagMs = 0, isServed, state } of jobs) {
    const labels = { job: id, model };
    board.add('lamplighter_embedding_queued', labels, queued.count);
    board.most('lamplighter_embedding_lag_seconds', labels, lagMs / 1_000);
    board.least('lamplighter_embedding_is_served', labels, isServed ? 1 : 0);
    board.most('lamplighter_embedding_has_failed', labels, state === 'failed' ? 1 : 0);
  }
  board.add('lamplighter_workers_alive', {}, workers.alive);
  board.add('lamplighter_workers_dead', {}, workers.dead);
  board.most('lamplighter_notification_queue_usage_ratio', {}, health.notificationQueueUsage);
  board.most('lamplighter_xmin_age_seconds', {}, health.xminAgeMs / 1_000);
  board.most('lamplighter_autovacuum_lag_ratio', {}, health.autovacuumLag);
  board.add('lamplighter_invalid_indexes', {}, health.invalidIndexes);
}

function createBoard(prometheus: typeof import('prom-client'), registry: Registry): Board {
  const counters = new Map<MetricName, Counter>();
  const gauges = new Map<MetricName, Gauge>();
  const histograms = new Map<MetricName, { tell(labels: Labels, counts: readonly number[], sumS: number): void }>();
  const seen = new Map<string, number>();

  for (const { name, help, type, labels } of METRICS) {
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    if (type === 'counter') counters.set(name, new prometheus.Counter(options));
    else if (type === 'gauge') gauges.set(name, new prometheus.Gauge(options));
    else {
      const series: CountedSeries[] = [];
      /** Its counts were made elsewhere: observing each span here once more would cost a microsecond a request. */
      class CountedHistogram extends prometheus.Histogram {
        // What the registry asks for the text.
        getForPromString() {
          return Promise.resolve({ name, help, type, values: series.flatMap((each) => valuesOf(name, each)) });
        }
      }
      new CountedHistogram({ ...options, buckets: [...BOUNDS_S] });
      histograms.set(name, {
        tell: (own, counts, sumS) => mergeSeries(series, { labels: own, counts: [...counts], sumS }),
      });
    }
  }

  function set(name: MetricName, labels: Labels, value: number, choose: (a: number, b: number) => number): void {
    const key = JSON.stringify([name, labels]);
    const known = seen.get(key);
    const next = known === undefined ? value : choose(known, value);
    seen.set(key, next);
    gauges.get(name)?.set(labels, next);
  }

  return {
    add(name, labels, value) {
      const counter = counters.get(name);
      if (counter === undefined) set(name, labels, value, (a, b) => a + b);
      else counter.inc(labels, value);
    },
    most: (name, labels, value) => set(name, labels, value, Math.max),
    least: (name, labels, value) => set(name, labels, value, Math.min),
    spans: (name, labels, counts, sumS) => histograms.get(name)?.tell(labels, counts, sumS),
  };
}

interface CountedSeries {
  readonly labels: Labels;
  readonly counts: number[];
  sumS: number;
}

function mergeSeries(series: CountedSeries[], next: CountedSeries): void {
  const known = series.find(({ labels }) => JSON.stringify(labels) === JSON.stringify(next.labels));
  if (known === undefined) series.push(next);
  else {
    known.sumS += next.sumS;
    for (const [bucket, count = 0] of next.counts.entries()) known.counts[bucket] = (known.counts[bucket] ?? 0) + count;
  }
}

/** Buckets of the format hold all that is below their bound. */
function valuesOf(name: string, { labels, counts, sumS }: CountedSeries) {
  let below = 0;
  const buckets = [...BOUNDS_S, Number.POSITIVE_INFINITY].map((bound, bucket) => {
    below += counts[bucket] ?? 0;
    const le = Number.isFinite(bound) ? String(bound) : '+Inf';
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sumS },
    { metricName: `${name}_count`, labels, value: below },
  ];
}
