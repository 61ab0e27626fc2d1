import { type QueueStats, readQueueStats } from '../../client/queue-stats.ts';
import { listWaits, type QueueWait, type WaitReason } from '../../client/queue-waits.ts';
import { listWorkers, type WorkerStatus } from '../../client/worker-status.ts';
import { systemClock } from '../../core/clock.ts';
import { LamplighterError } from '../../core/errors.ts';
import { describeConnection } from '../../db/connection-text.ts';
import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';
import { classifySqlState } from '../../db/sqlstate.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { type CliOption, isOn } from '../cli-option.ts';
import { JSON_OPTION } from '../common-options.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { EXIT } from '../exit-code.ts';
import { codeOfInterruption } from '../interruption.ts';
import { renderAge } from '../render-age.ts';
import { renderTable } from '../render-table.ts';
import { withSession } from '../with-session.ts';

const WATCH: CliOption = { flag: 'watch', short: 'w', describes: 'look again every two seconds until stopped' };
const WATCH_INTERVAL_MS = 2_000;
const WAITS: Readonly<Record<WaitReason, string>> = {
  ready: 'their turn',
  retry: 'a retry',
  'model unavailable': 'a model that is unavailable',
  'not served': 'a worker that serves them',
  paused: 'the function to be resumed',
  quarantined: 'being run apart',
};

interface Status {
  /** By the server's clock, as every time here. */
  readonly at: Date;
  readonly requests: readonly QueueStats[];
  readonly waits: readonly QueueWait[];
  readonly workers: readonly WorkerStatus[];
}

export const statusCommand: CliCommand = {
  name: 'status',
  summary: 'show queues and workers',
  details:
    'Shows what is queued, running and done by function, what waits and for what, and the workers. A role sees its own requests, the owner of the schema all.',
  options: [...CONNECTION_OPTIONS, WATCH, JSON_OPTION],
  examples: [
    { command: 'lamplighter status --watch', does: 'keep looking' },
    { command: "lamplighter status --json | jq '.requests'", does: 'for a program' },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const { interruption, terminal } = invocation;
    const settings = connectionOf(invocation);
    return withSession(invocation, settings, async (session) => {
      for (;;) {
        const status = await readStatus(session, settings.user);
        if (isOn(invocation, JSON_OPTION)) terminal.print(JSON.stringify(status));
        else printStatus(invocation, describeConnection(settings), status);
        if (!isOn(invocation, WATCH)) return EXIT.done;
        await systemClock.delay(WATCH_INTERVAL_MS, interruption.first);
        if (interruption.first.aborted) return codeOfInterruption(interruption);
      }
    });
  },
};

async function readStatus(db: Queryable, role: string): Promise<Status> {
  try {
    return {
      at: await readServerTime(db),
      requests: await readQueueStats(db),
      waits: await listWaits(db),
      workers: await listWorkers(db),
    };
  } catch (cause) {
    const kind = classifySqlState(cause);
    if (kind === 'missing') {
      throw new LamplighterError('SCHEMA_MISSING', 'The schema of Lamplighter is not installed in this database', {
        cause,
        hint: 'Run: lamplighter migrate',
      });
    }
    if (kind !== 'permission') throw cause;
    throw new LamplighterError('PERMISSION_DENIED', `The role "${role}" may not look at requests and workers`, {
      cause,
      hint: `As the owner of the schema run: lamplighter migrate --grant ${role}`,
    });
  }
}

async function readServerTime(db: Queryable): Promise<Date> {
  const [row] = (await db.query<{ now_s: string }>(loadQuery('read_server_facts'))).rows;
  return new Date(Number(row?.now_s) * 1_000);
}

function printStatus({ terminal, ...invocation }: Invocation, place: string, status: Status): void {
  const { at, requests, waits, workers } = status;
  const { style } = terminal;
  const table = (header: readonly string[], rows: readonly (readonly string[])[]) => {
    const [title = '', ...lines] = renderTable(header, rows, { indent: '  ', width: terminal.columns });
    terminal.print([style.dim(title), ...lines].join('\n'));
  };
  if (isOn(invocation, WATCH)) terminal.clear();
  terminal.print(`${style.bold('Requests')} in ${place}`);
  if (requests.length === 0) terminal.print('  none');
  else {
    const header = [
      'function',
      'pending',
      'processing',
      'completed',
      'failed',
      'cancelled',
      'oldest pending',
      'average',
      'p95',
    ];
    table(header, requests.map(requestCells));
  }
  if (waits.length > 0) {
    terminal.print(`\n${style.bold('Waiting')}`);
    table(['function', 'model', 'requests', 'for', 'last error'], waits.map(waitCells));
  }
  const living = workers.filter(({ status }) => status !== 'stopped');
  terminal.print(`\n${style.bold('Workers')}`);
  if (living.length === 0) terminal.print('  none is running; start one with: lamplighter worker');
  else {
    const header = [
      'host',
      'process',
      'status',
      'at work',
      'processed',
      'failed',
      'running for',
      'last sign',
      'functions',
    ];
    table(
      header,
      living.map((worker) => workerCells(worker, at)),
    );
  }
  if (isOn(invocation, WATCH) && !terminal.isScreen) terminal.print();
}

function requestCells(stats: QueueStats): string[] {
  const counts = [stats.pending, stats.processing, stats.completed, stats.failed, stats.cancelled].map(String);
  const times = [stats.oldestPendingMs, stats.avgProcessingMs, stats.p95ProcessingMs];
  return [stats.functionName, ...counts, ...times.map((ms) => (ms === undefined ? '-' : renderAge(ms)))];
}

function waitCells({ functionName, model, reason, requests, error = '-' }: QueueWait): string[] {
  return [functionName, model, String(requests), WAITS[reason], error.replaceAll(/\s+/g, ' ')];
}

function workerCells(worker: WorkerStatus, at: Date): string[] {
  const sinceMs = (date: Date) => Math.max(0, at.getTime() - date.getTime());
  return [
    worker.hostname,
    String(worker.pid),
    worker.status,
    `${worker.inFlight} of ${worker.concurrency}`,
    String(worker.processed),
    String(worker.failed),
    renderAge(sinceMs(worker.startedAt)),
    renderAge(sinceMs(worker.lastHeartbeat)),
    worker.functions.join(','),
  ];
}
