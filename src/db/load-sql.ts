import { readdirSync, readFileSync } from 'node:fs';

// Two folders up from src/db/ and from dist/db/ alike.
const SQL_FOLDER = new URL('../../sql/', import.meta.url);
const queries = new Map<string, string>();

export interface Migration {
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

/** Every migration, in the order in which they run. */
export function loadMigrations(): readonly Migration[] {
  const folder = new URL('migrations/', SQL_FOLDER);
  return readdirSync(folder)
    .filter((file) => /^\d{4}_[a-z0-9_]+\.sql$/.test(file))
    .sort()
    .map((name) => ({ name, text: readFileSync(new URL(name, folder), 'utf8') }));
}
