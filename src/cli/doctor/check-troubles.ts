import { toPrintable } from '../../core/printable.ts';
import { readFigures } from '../../monitoring/read-figures.ts';
import { readRecent } from '../../monitoring/read-series.ts';
import { readTroubles, type TroubleKind } from '../../monitoring/read-troubles.ts';
import type { ServerCheck } from './check.ts';

/** What other checks tell, each with more about it. */
const TOLD_BY_OTHERS: ReadonlySet<TroubleKind> = new Set([
  'not-served',
  'model-unavailable',
  'paused',
  'tasks-not-served',
  'job-failed',
  'job-not-served',
  'notification-queue',
]);

/** What is wrong with the work itself, as the dashboard's overview says it. */
export const workCheck: ServerCheck = {
  name: 'work',
  looksAt: 'old requests, many failures, dead workers, jobs that lag, as the dashboard tells them',
  needs: 'schema',
  async run({ session }) {
    const figures = await readFigures(session);
    const recent = figures.isOfAll ? await readRecent(session, 'requests') : undefined;
    const troubles = await readTroubles(session, { figures, recent });
    return troubles
      .filter(({ kind }) => !TOLD_BY_OTHERS.has(kind))
      .map(({ severity, text, advice, command, since }) => ({
        state: severity === 'error' ? 'broken' : 'warning',
        message: toPrintable(text),
        advice: command ?? advice,
        since,
      }));
  },
};
