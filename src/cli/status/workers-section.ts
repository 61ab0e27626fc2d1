import { listPauses } from '../../client/pauses.ts';
import type { ProcessRow } from '../../monitoring/shapes.ts';
import { renderAge } from '../render-units.ts';
import type { StatusSection } from './status-section.ts';

const HEADER = [
  'id',
  'host',
  'process',
  'kind',
  'status',
  'in flight',
  'batches at once',
  'processed',
  'failed',
  'running for',
  'last sign',
  'functions',
];

/** Workers and daemons, without those that were stopped. */
export const workersSection: StatusSection = {
  title: 'Workers',
  async read(_, { processes: workers }) {
    return {
      json: { workers },
      print(screen) {
        const living = workers.filter(({ status }) => status !== 'stopped');
        screen.title('Workers');
        if (living.length === 0)
          screen.line(
            'none is running; start one with: lamplighter worker (it serves embed and rerank; for the others add --generate-model MODEL)',
          );
        else {
          screen.table(
            HEADER,
            living.map((worker) => workerCells(worker, screen.at)),
          );
        }
      },
    };
  },
};

function workerCells(worker: ProcessRow, at: Date): string[] {
  const sinceMs = (date: string) => Math.max(0, at.getTime() - Date.parse(date));
  return [
    // As long as log lines on a terminal show it.
    worker.processId?.slice(0, 8) ?? '',
    worker.hostname,
    String(worker.pid),
    worker.kind,
    worker.status,
    String(worker.inFlight),
    String(worker.concurrency),
    String(worker.processed),
    String(worker.failed),
    renderAge(sinceMs(worker.startedAt)),
    renderAge(sinceMs(worker.lastHeartbeat)),
    worker.functions.join(','),
  ];
}

/** The functions that are paused, whether requests wait for them or not. */
export const pausesSection: StatusSection = {
  title: 'Paused',
  async read(db) {
    const pauses = await listPauses(db);
    return {
      json: { pauses },
      print(screen) {
        if (pauses.length === 0) return;
        screen.title('Paused');
        const age = (date: Date) => renderAge(Math.max(0, screen.at.getTime() - date.getTime()));
        screen.table(
          ['function', 'for', 'by', 'to resume, as the owner'],
          pauses.map(({ functionName, pausedAt, pausedBy }) => [
            functionName,
            age(pausedAt),
            pausedBy,
            `SELECT steadytext_resume('${functionName}')`,
          ]),
        );
      },
    };
  },
};
