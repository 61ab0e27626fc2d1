import { readdirSync, readFileSync } from 'node:fs';

// Two folders up from src/db/ and from dist/db/ alike.
const SQL_FOLDER = new URL('../../sql/', import.meta.url);
const queries = new Map<string, string>();
let migrations: readonly SqlFile[] | undefined;
let routines: readonly SqlFile[] | undefined;

export interface SqlFile {
  /** The file name, e.g. `0001_requests.sql`; migrations run in the order of their names. */
  readonly name: string;
  readonly text: string;
}

/** The text of `sql/queries/<name>.sql`, read once per process. */
export function loadQuery(name: string): string {
  let text = queries.get(name);
  if (text === undefined) {
    text = readFileSync(new URL(`queries/${name}.sql`, SQL_FOLDER), 'utf8');
    queries.set(name, text);
  }
  return text;
}

/** Every migration, in the order in which they run; read once per process. */
export function loadMigrations(): readonly SqlFile[] {
  const folder = new URL('migrations/', SQL_FOLDER);
  migrations ??= readdirSync(folder)
    .filter((file) => /^\d{4}_[a-z0-9_]+\.sql$/.test(file))
    .sort()
    .map((name) => ({ name, text: readFileSync(new URL(name, folder), 'utf8') }));
  return migrations;
}

/** What migrations and functions add up to, as `sql/schema.sql` has it. */
export function loadSchemaDump(): string {
  return readFileSync(new URL('schema.sql', SQL_FOLDER), 'utf8');
}

/** The file of every function, in the order of their names; read once per process. */
export function loadRoutines(): readonly SqlFile[] {
  const folder = new URL('functions/', SQL_FOLDER);
  routines ??= readdirSync(folder, { withFileTypes: true })
    .filter((area) => area.isDirectory())
    .flatMap((area) => {
      const inside = new URL(`${area.name}/`, folder);
      return readdirSync(inside).map((name) => ({ name, text: readFileSync(new URL(name, inside), 'utf8') }));
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return routines;
}
