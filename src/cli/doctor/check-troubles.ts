import { toPrintable } from '../../core/printable.ts';
import { classifySqlState } from '../../db/sqlstate.ts';
import { readFigures } from '../../monitoring/read-figures.ts';
import { readRecent } from '../../monitoring/read-series.ts';
import { readTroubles, type TroubleKind } from '../../monitoring/read-troubles.ts';
import type { Check } from './check.ts';

/** What other checks tell, each with more about it. */
const TOLD_BY_OTHERS: ReadonlySet<TroubleKind> = new Set([
  'not-served',
  'model-unavailable',
  'paused',
  'tasks-not-served',
  'job-failed',
  'job-not-served',
]);

/** What is wrong with the work itself, as the dashboard's overview says it. */
export const checkTroubles: Check = async ({ session }) => {
  try {
    const figures = await readFigures(session);
    const recent = figures.isOfAll ? await readRecent(session, 'requests') : undefined;
    const troubles = await readTroubles(session, { figures, recent });
    return troubles
      .filter(({ kind }) => !TOLD_BY_OTHERS.has(kind))
      .map(({ severity, text, advice, command }) => ({
        state: severity === 'error' ? 'broken' : 'warning',
        subject: 'work',
        says: toPrintable(text),
        fix: command ?? advice,
      }));
  } catch (error) {
    const kind = classifySqlState(error);
    // What is missing has been told by its name.
    if (kind !== 'permission' && kind !== 'missing') throw error;
    return [];
  }
};
