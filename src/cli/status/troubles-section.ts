import { toPrintable } from '../../core/printable.ts';
import { readFigures } from '../../monitoring/read-figures.ts';
import { readRecent } from '../../monitoring/read-series.ts';
import { readTroubles } from '../../monitoring/read-troubles.ts';
import type { StatusSection } from './status-section.ts';

/** What is wrong, what stops work first; nothing where all is well. */
export const troublesSection: StatusSection = {
  title: 'Wrong',
  async read(db) {
    const figures = await readFigures(db);
    const recent = figures.isOfAll ? await readRecent(db, 'requests') : undefined;
    const troubles = await readTroubles(db, { figures, recent });
    return {
      json: { troubles },
      print(screen) {
        if (troubles.length === 0) return;
        screen.title('Wrong');
        for (const { severity, text, command } of troubles) {
          const fix = command === undefined ? '' : ` Run: ${command}`;
          screen.line(toPrintable(`${severity === 'error' ? '!' : '-'} ${text}${fix}`));
        }
      },
    };
  },
};
