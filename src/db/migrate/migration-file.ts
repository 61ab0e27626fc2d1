import { createHash } from 'node:crypto';
import { LamplighterError } from '../../core/errors.ts';
import { loadMigrations } from '../load-sql.ts';

/** One forward step of the schema, as its file says. */
export interface MigrationFile {
  readonly number: number;
  /** The file name without `.sql`. */
  readonly name: string;
  /** The release of the schema that the step belongs to; a program works with its own version and the ones beside it. */
  readonly schemaVersion: number;
  /** False for a step that PostgreSQL refuses inside a transaction; such a file holds one statement. */
  readonly isTransactional: boolean;
  readonly text: string;
  /** sha256 of the text, hexadecimal. */
  readonly checksum: string;
}

const HEADER = /^-- (\d{4})_([a-z0-9_]+) \(schema version (\d+)(, no transaction)?\): /;

/** Reads the header of a migration: `-- 0001_name (schema version 1[, no transaction]): what it adds`. */
export function parseMigration(fileName: string, text: string): MigrationFile {
  const header = HEADER.exec(text);
  const [, number, name, version, noTransaction] = header ?? [];
  if (number === undefined || `${number}_${name}.sql` !== fileName) {
    throw new LamplighterError(
      'CONFIG_INVALID',
      `${fileName}: expected a first line "-- ${fileName.replace(/\.sql$/, '')} (schema version N): what it adds"`,
    );
  }
  return {
    number: Number(number),
    name: `${number}_${name}`,
    schemaVersion: Number(version),
    isTransactional: noTransaction === undefined,
    text,
    checksum: createHash('sha256').update(text).digest('hex'),
  };
}

/** All migrations of this program, in order. */
export function readMigrations(): readonly MigrationFile[] {
  return loadMigrations().map(({ name, text }) => parseMigration(name, text));
}

/** The version of the schema that this program ships. */
export function programSchemaVersion(): number {
  return Math.max(...readMigrations().map(({ schemaVersion }) => schemaVersion));
}
