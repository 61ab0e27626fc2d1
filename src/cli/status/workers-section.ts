import { listWorkers, type WorkerStatus } from '../../client/worker-status.ts';
import { renderAge } from '../render-age.ts';
import type { StatusSection } from './status-section.ts';

const HEADER = [
  'host',
  'process',
  'status',
  'in flight',
  'batches at once',
  'processed',
  'failed',
  'running for',
  'last sign',
  'functions',
];

/** The workers, without those that were stopped. */
export const workersSection: StatusSection = {
  title: 'Workers',
  async read(db) {
    const workers = await listWorkers(db);
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

function workerCells(worker: WorkerStatus, at: Date): string[] {
  const sinceMs = (date: Date) => Math.max(0, at.getTime() - date.getTime());
  return [
    worker.hostname,
    String(worker.pid),
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
