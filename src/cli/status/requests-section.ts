import { type QueueStats, readQueueStats } from '../../client/queue-stats.ts';
import { listWaits, type QueueWait, type WaitReason } from '../../client/queue-waits.ts';
import { listWorkers } from '../../client/worker-status.ts';
import { workerCommandFor } from '../../monitoring/worker-command.ts';
import { renderAge } from '../render-age.ts';
import type { StatusSection } from './status-section.ts';

const WAITS: Readonly<Record<WaitReason, string>> = {
  ready: 'their turn',
  retry: 'a retry',
  'model unavailable': 'a model that is unavailable',
  'not served': 'a worker that serves them',
  paused: 'the function to be resumed',
  quarantined: 'being run apart',
};
const COUNTS = ['pending', 'processing', 'completed', 'failed', 'cancelled'] as const;

/** What is queued, running and done by function in the database at `place`, and what waits for what. */
export function requestsSection(place: string): StatusSection {
  return {
    title: 'Requests',
    async read(db) {
      const requests = await readQueueStats(db);
      const waits = await listWaits(db);
      const isAnyRunning = (await listWorkers(db)).some(({ status }) => status === 'running' || status === 'sleeping');
      return {
        json: { requests, waits },
        print(screen) {
          screen.title('Requests', ` in ${place}`);
          if (requests.length === 0) screen.line('none');
          else screen.table(['function', ...COUNTS, 'oldest pending', 'average', 'p95'], requests.map(requestCells));
          if (waits.length === 0) return;
          screen.title('Waiting');
          screen.table(['function', 'model', 'requests', 'for', 'last error'], waits.map(waitCells));
          for (const { functionName, model, reason } of waits) {
            if (reason === 'not served')
              screen.line(`${functionName}: ${workerCommandFor(functionName, model, isAnyRunning)}`);
          }
        },
      };
    },
  };
}

function requestCells(stats: QueueStats): string[] {
  const times = [stats.oldestPendingMs, stats.avgProcessingMs, stats.p95ProcessingMs];
  return [
    stats.functionName,
    ...COUNTS.map((status) => String(stats[status])),
    ...times.map((ms) => (ms === undefined ? '-' : renderAge(ms))),
  ];
}

function waitCells({ functionName, model, reason, requests, error = '-' }: QueueWait): string[] {
  return [functionName, model, String(requests), WAITS[reason], error.replaceAll(/\s+/g, ' ')];
}
