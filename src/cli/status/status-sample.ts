import { LamplighterError } from '../../core/errors.ts';
import type { Queryable } from '../../db/query.ts';
import { classifySqlState } from '../../db/sqlstate.ts';
import { type MeasuredStatus, measureStatus, type StatusReading, type StatusSection } from './status-section.ts';

/** All sections at one time, by the clock of the server. */
export interface StatusSample {
  readonly at: Date;
  readonly readings: readonly StatusReading[];
}

/** @throws LamplighterError SCHEMA_MISSING, PERMISSION_DENIED for a role that may see nothing */
export async function readSample(
  db: Queryable,
  sections: readonly StatusSection[],
  role: string,
): Promise<StatusSample> {
  try {
    const measured = await measureStatus(db);
    const readings: StatusReading[] = [];
    for (const section of sections) readings.push(await readSection(db, section, measured));
    return { at: measured.figures.at, readings };
  } catch (cause) {
    const kind = classifySqlState(cause);
    if (kind === 'missing') {
      throw new LamplighterError('SCHEMA_MISSING', 'The schema of Lamplighter is not installed in this database', {
        cause,
        hint: 'Run: lamplighter migrate',
      });
    }
    if (kind !== 'permission') throw cause;
    throw new LamplighterError('PERMISSION_DENIED', `The role "${role}" may not look at requests and workers`, {
      cause,
      hint: `As the owner of the schema run: lamplighter migrate --grant ${role} for a caller, or --grant-monitor ${role} for figures alone`,
    });
  }
}

/** The sample as one object of JSON, without a line break. */
export function sampleText({ at, readings }: StatusSample): string {
  return JSON.stringify(Object.assign({ at }, ...readings.map(({ json }) => json)));
}

/** What the role may not see is told as that. */
async function readSection(db: Queryable, section: StatusSection, measured: MeasuredStatus): Promise<StatusReading> {
  try {
    return await section.read(db, measured);
  } catch (error) {
    if (classifySqlState(error) !== 'permission') throw error;
    return {
      json: {},
      print(screen) {
        screen.title(section.title);
        screen.line('for callers and the owner to see');
      },
    };
  }
}
