import type { Queryable } from '../query.ts';
import { classifySqlState } from '../sqlstate.ts';

/** How this database stands to the one that `migrate` noted as the one that works. */
export interface Installation {
  /** See `lamplighter.read_installation()`. */
  readonly kind: 'same' | 'copied' | 'moved' | 'promoted';
  readonly notedAt: Date;
}

/** Undefined where nothing was noted. @throws an error of the server for a role that may not read it. */
export async function readInstallation(db: Queryable): Promise<Installation | undefined> {
  const { rows } = await db.query<{ kind: Installation['kind']; noted_at: Date }>(
    'select i.kind, i.noted_at from lamplighter.read_installation() as i',
  );
  return rows[0] === undefined ? undefined : { kind: rows[0].kind, notedAt: new Date(rows[0].noted_at) };
}

/** Undefined for a database that is no copy. */
export function describeCopy({ kind, notedAt }: Installation): string | undefined {
  const of = `the one that was noted on ${notedAt.toISOString().slice(0, 10)}`;
  if (kind === 'copied') return `this database is a copy of ${of}: a restored dump, or made from a template`;
  if (kind === 'moved') return `this database is ${of}, in the data of another server: after pg_upgrade, or a copy`;
  return undefined;
}

/** What {@link describeCopy} says, for a log: whoever may not see it is told nothing. */
export async function findCopy(db: Queryable): Promise<string | undefined> {
  try {
    const installation = await readInstallation(db);
    return installation && describeCopy(installation);
  } catch (error) {
    if (['permission', 'missing'].includes(classifySqlState(error))) return undefined;
    throw error;
  }
}
