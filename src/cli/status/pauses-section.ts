import { listPauses } from '../../client/pauses.ts';
import { renderAge } from '../render-age.ts';
import type { StatusSection } from './status-section.ts';

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
