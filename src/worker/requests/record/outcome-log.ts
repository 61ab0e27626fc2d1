import type { Clock } from '../../../core/clock.ts';
import { createFailureLines } from '../../../core/failure-lines.ts';
import type { Logger } from '../../../core/log.ts';
import type { Troubles } from '../../../core/recurring-trouble.ts';
import { type Service, startLoop } from '../../../core/service.ts';
import type { Queryable } from '../../../db/query.ts';
import { type Lane, laneKey } from '../../../requests/claimed-request.ts';
import { countWaiting } from '../../../requests/count-waiting.ts';
import type { Completion } from '../in-flight.ts';

const INTERVAL_MS = 60_000;
/** Where counting what waits stops. */
const WAITING_LIMIT = 10_000;

export interface OutcomeLogDeps {
  readonly db: Queryable;
  readonly lanes: readonly Lane[];
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

export interface OutcomeLog extends Service {
  /** Takes note of a completion that was recorded. */
  note(completion: Completion, status: 'pending' | 'completed' | 'failed'): void;
  /** Takes note of a request that failed for good with the death of the worker that ran it. */
  noteDeath(request: FailedRequest): void;
}

interface FailedRequest {
  readonly requestId: string;
  readonly lane: Lane;
  readonly error: string | undefined;
}

type Figure = 'answered' | 'failed' | 'retried' | 'delayed';
type Figures = Record<Figure, number>;

/**
 * Duty: logs how requests fare. Writes a line for each that failed for good, ten a minute at most, and each minute with work in it a summary
 * by lane. Reads how many wait; changes nothing.
 */
export function startOutcomeLog({ db, lanes, log, troubles, clock }: OutcomeLogDeps): OutcomeLog {
  let figures = new Map<string, Figures>();
  const failures = createFailureLines({
    noun: 'requests',
    one: 'a request failed for good',
    more: (count) => `${count} more requests failed for good in the last minute`,
    log,
    clock,
  });

  function tellFailure({ requestId, lane, error = 'no reason was given' }: FailedRequest): void {
    failures.tell({ requestId, function: lane.functionName, model: lane.model }, error);
  }

  /** Logs the figures since the last time. */
  async function tell(waitingIn: (done: readonly Lane[]) => Promise<ReadonlyMap<string, number>>): Promise<void> {
    if (figures.size === 0) return;
    const told = figures;
    figures = new Map();
    const done = lanes.filter((lane) => told.has(laneKey(lane)));
    const waiting = await waitingIn(done).catch((error: unknown) => {
      log.debug({ err: error }, 'could not count what waits');
      return new Map<string, number>();
    });
    const parts = [...told].map(([lane, each]) => `${lane} ${describe(each, waiting.get(lane))}`);
    const fields = Object.fromEntries(
      [...told].map(([lane, each]) => [lane, { ...each, waiting: waiting.get(lane) ?? null }]),
    );
    log.info({ lanes: fields }, `in the last minute: ${parts.join('; ')}`);
  }

  const loop = startLoop({
    intervalMs: INTERVAL_MS,
    runOnce: () => tell((done) => countWaiting(db, done, WAITING_LIMIT)),
    trouble: troubles.define('sum up the last minute'),
    clock,
  });

  function count(lane: Lane, figure: Figure): void {
    const key = laneKey(lane);
    const own = figures.get(key) ?? { answered: 0, failed: 0, retried: 0, delayed: 0 };
    own[figure] += 1;
    figures.set(key, own);
  }

  return {
    note(completion, status) {
      const figure = figureOf(completion, status);
      if (figure === undefined) return;
      const { outcome, entry } = completion;
      const { requestId, lane } = entry.request;
      count(lane, figure);
      if (figure === 'failed') tellFailure({ requestId, lane, error: 'error' in outcome ? outcome.error : undefined });
    },
    noteDeath(request) {
      count(request.lane, 'failed');
      tellFailure(request);
    },
    async stop() {
      await loop.stop();
      await failures.stop();
      await tell(async () => new Map());
    },
  };
}

/** What a completion counts as; undefined for a request that was only handed back. */
function figureOf({ outcome }: Completion, status: 'pending' | 'completed' | 'failed'): Figure | undefined {
  if (status === 'completed') return 'answered';
  if (status === 'failed') return 'failed';
  if (outcome.kind === 'retry') return 'retried';
  return outcome.kind === 'defer' ? 'delayed' : undefined;
}

function describe(figures: Figures, waiting: number | undefined): string {
  const counts = Object.entries(figures).flatMap(([name, count]) => (count === 0 ? [] : [`${count} ${name}`]));
  if (waiting !== undefined) counts.push(`${waiting >= WAITING_LIMIT ? 'more than ' : ''}${waiting} waiting`);
  return counts.join(', ');
}
