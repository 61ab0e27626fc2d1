import { listWaits, type QueueWait } from '../../client/queue-waits.ts';
import { REQUEST_FUNCTIONS } from '../../core/request-functions.ts';
import { classifySqlState } from '../../db/sqlstate.ts';
import type { BoundedCount, LaneFigures } from '../../monitoring/read-figures.ts';
import type { RecentFigures } from '../../monitoring/shapes.ts';
import { workerCommandFor } from '../../monitoring/worker-command.ts';
import { renderAge } from '../render-units.ts';
import type { StatusSection } from './status-section.ts';

const STOPPED = {
  'model unavailable': 'a model that is unavailable',
  'not served': 'a worker that serves them',
  paused: 'the function to be resumed',
} as const;

/** What is queued and running by function and model in the database at `place`, what it waits for, and what ended in the last hour. */
export function requestsSection(place: string): StatusSection {
  return {
    title: 'Requests',
    async read(db, { figures, recent, isAnyRunning }) {
      const { lanes } = figures;
      const waits = await readWaits(() => listWaits(db));
      return {
        json: {
          isOfAll: figures.isOfAll,
          requests: lanes,
          ...(recent === undefined ? {} : { lastHour: recent }),
          ...(waits === undefined ? {} : { waits }),
        },
        print(screen) {
          screen.title('Requests', ` in ${place}`);
          if (lanes.length === 0) screen.line('none waits or runs');
          else {
            screen.table(
              ['function', 'model', 'pending', 'running', 'oldest pending', 'for', 'last error'],
              lanes.map((lane) => laneCells(lane, waits ?? [])),
            );
          }
          const isExact = lanes.every(({ pending }) => pending.isExact);
          if (!isExact) {
            screen.line(
              '>: more wait than were counted; counting stops there, so that a full queue costs what an empty one does',
            );
          }
          for (const { functionName, model, stoppedBy } of lanes) {
            const name = REQUEST_FUNCTIONS.find((each) => each === functionName);
            if (stoppedBy === 'not served' && name !== undefined) {
              screen.line(`${functionName}: ${workerCommandFor(name, model, isAnyRunning)}`);
            }
          }
          if (recent !== undefined) screen.line(recentText(recent, isExact));
        },
      };
    },
  };
}

/** What waits, for the owner and callers alone: what requests failed with may quote them. */
async function readWaits(read: () => Promise<readonly QueueWait[]>): Promise<readonly QueueWait[] | undefined> {
  try {
    return await read();
  } catch (error) {
    if (classifySqlState(error) !== 'permission') throw error;
    return undefined;
  }
}

function laneCells(lane: LaneFigures, waits: readonly QueueWait[]): string[] {
  const { functionName, model, pending, running, oldestPendingMs } = lane;
  const error = waits.find((wait) => wait.functionName === functionName && wait.model === model && wait.error)?.error;
  return [
    functionName,
    model,
    countText(pending),
    String(running),
    oldestPendingMs === undefined ? '-' : renderAge(oldestPendingMs),
    pending.count === 0 ? '-' : reasonOf(lane),
    (error ?? '-').replaceAll(/\s+/g, ' '),
  ];
}

function reasonOf({ stoppedBy, ready, delayed, quarantined }: LaneFigures): string {
  if (stoppedBy !== undefined) return STOPPED[stoppedBy];
  const reasons: readonly (readonly [number, string])[] = [
    [ready, 'their turn'],
    [delayed, 'a retry'],
    [quarantined, 'being run apart'],
  ];
  return reasons
    .filter(([count]) => count > 0)
    .map(([, reason]) => reason)
    .join(', ');
}

/** A count as people read it: where counting stopped, a range. */
export function countText({ count, isExact }: BoundedCount): string {
  return isExact ? String(count) : `> ${count.toLocaleString('en')}`;
}

/** What was queued and ended within the last hour, in one line. Of very many that still wait, some may not have been counted: not `isExact`. */
export function recentText(recent: RecentFigures, isExact = true): string {
  const { enqueued, completed, failed, cancelled, waitP50Ms, waitP95Ms, runP50Ms, runP95Ms } = recent;
  const times = (name: string, p50: number | undefined, p95: number | undefined) =>
    p50 === undefined || p95 === undefined ? '' : `; ${name} p50 ${renderAge(p50)}, p95 ${renderAge(p95)}`;
  return `last hour: queued ${enqueued}${isExact ? '' : ' or more'}, completed ${completed}, failed ${failed}, cancelled ${cancelled}${times('wait', waitP50Ms, waitP95Ms)}${times('run', runP50Ms, runP95Ms)}`;
}
