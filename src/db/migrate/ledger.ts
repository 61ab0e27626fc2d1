import { LamplighterError } from '../../core/errors.ts';
import { type MigrationFile, readMigrations } from './migration-file.ts';
import type { SchemaState } from './schema-state.ts';

/** How the migrations that a database has recorded differ from those of this program. */
export interface LedgerChanges {
  /** Recorded with the checksum of another text. */
  readonly edited: readonly MigrationFile[];
  /** Migrations that are not recorded, although a later one is. */
  readonly unrecorded: readonly MigrationFile[];
}

export const UNINSTALL_ADVICE =
  '"lamplighter doctor" tells whether the tables differ as well. Where they do, "lamplighter uninstall" and "lamplighter migrate" make them ' +
  'anew; that deletes all requests with their results, all tasks and handlers, and what is known of embedding jobs (vectors in your tables stay). ' +
  'Dump what you need first: pg_dump --data-only -t public.steadytext_queue -t lantern.tasks';

export function compareLedger({ applied }: Pick<SchemaState, 'applied'>): LedgerChanges {
  const checksums = new Map(applied.map(({ number, checksum }) => [number, checksum]));
  const last = Math.max(0, ...checksums.keys());
  const files = readMigrations();
  return {
    edited: files.filter(({ number, checksum }) => ![undefined, checksum].includes(checksums.get(number))),
    unrecorded: files.filter(({ number }) => number < last && !checksums.has(number)),
  };
}

/** @throws LamplighterError CONFIG_INVALID for a ledger that does not fit the files of this program. */
export function requireOwnLedger(state: Pick<SchemaState, 'applied'>): void {
  const { edited, unrecorded } = compareLedger(state);
  const [strange] = edited;
  if (strange !== undefined) {
    const message = `Migration ${strange.name} is recorded in lamplighter.migration with another checksum than this program's`;
    throw new LamplighterError('CONFIG_INVALID', message, { hint: UNINSTALL_ADVICE });
  }
  const [lost] = unrecorded;
  if (lost === undefined) return;
  const message = `Migration ${lost.name} is not recorded in lamplighter.migration, although later ones are`;
  throw new LamplighterError('CONFIG_INVALID', message, {
    hint: '"lamplighter doctor" prints the statement that records it, where its tables are there.',
  });
}
