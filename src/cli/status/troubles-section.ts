import { toPrintable } from '../../core/printable.ts';
import { readTroubles } from '../../monitoring/read-troubles.ts';
import type { StatusSection } from './status-section.ts';

/** What is wrong, what stops work first; nothing where all is well. */
export const troublesSection: StatusSection = {
  title: 'Wrong',
  async read(db, { figures, recent }) {
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
