import { LamplighterError } from '../../core/errors.ts';
import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';
import { addColumnsText, createJobsTableText, DOCUMENTED_COLUMNS } from './job-columns.ts';

/** Where the user keeps the jobs: names as they are, not quoted. */
export interface JobsTableName {
  readonly schema: string;
  readonly table: string;
}

/** A jobs table that was checked and can be read. */
export interface JobsTable {
  readonly oid: string;
  /** Schema-qualified and quoted, to be put into a statement. */
  readonly quotedName: string;
  readonly owner: string;
  /** The names of its columns, with the type of each as SQL spells it, that of a domain being the one beneath. */
  readonly columns: ReadonlyMap<string, string>;
  /** Roles besides the owner that may write to it, and with that decide what the daemon embeds. */
  readonly writers: readonly string[];
  /** Whether the login may create a trigger on it. */
  readonly mayWatch: boolean;
}

interface TableRow {
  oid: string;
  quoted_name: string;
  kind: string;
  owner: string;
  is_trusted: boolean;
  may_read: boolean;
  may_watch: boolean;
  writers: string[];
  trigger_makers: string[];
  columns: Record<string, string>;
}

const ABOUT_THE_PAGE =
  'The statement on Lantern\'s page is no valid SQL: "table" is a reserved word and has to be quoted, and there is a comma after the last column.';

/**
 * Looks at the jobs table.
 *
 * @param trustedOwners roles whose triggers may run as the daemon: an update of the table runs them.
 * @throws LamplighterError CONFIG_INVALID when there is no such table, a documented column is missing (with the statement that adds it),
 *   it cannot be written to, belongs to somebody who is not trusted, or lets such a one create triggers; PERMISSION_DENIED when the login may not read it.
 */
export async function openJobsTable(
  db: Queryable,
  name: JobsTableName,
  trustedOwners: readonly string[],
): Promise<JobsTable> {
  const [row] = (await db.query<TableRow>(loadQuery('read_jobs_table'), [name.schema, name.table, [...trustedOwners]]))
    .rows;
  if (row === undefined) throw await missingTable(db, name);
  const { quoted_name: quotedName, owner } = row;
  if (row.kind === 'm') {
    throw new LamplighterError('CONFIG_INVALID', `${quotedName} is a materialized view, and jobs are written to`, {
      hint: 'Give a table with --table.',
    });
  }
  const columns = new Map(Object.entries(row.columns));
  const missing = DOCUMENTED_COLUMNS.map((column) => column.name).filter(
    (column) => column !== 'db_connection' && !columns.has(column),
  );
  if (['src_column', 'dst_column', 'embedding_model'].every((column) => missing.includes(column))) {
    throw new LamplighterError(
      'CONFIG_INVALID',
      `${quotedName} is no jobs table: it has no "src_column", "dst_column" and "embedding_model"`,
      {
        hint: 'Name the table that holds the jobs with --table; "lamplighter create-jobs-table" makes one.',
      },
    );
  }
  if (missing.length > 0) {
    const list = missing.map((column) => `"${column}"`).join(', ');
    const plural = missing.length === 1 ? 'the column' : 'the columns';
    throw new LamplighterError('CONFIG_INVALID', `The jobs table ${quotedName} lacks ${plural} ${list}`, {
      hint: `Run: ${addColumnsText(quotedName, missing)}`,
    });
  }
  if (!row.may_read) {
    throw new LamplighterError('PERMISSION_DENIED', `The role of the daemon may not read ${quotedName}`, {
      hint: `As its owner run: grant select, update on ${quotedName} to the role`,
    });
  }
  if (!row.is_trusted) {
    throw new LamplighterError(
      'CONFIG_INVALID',
      `The jobs table ${quotedName} belongs to the role "${owner}", whose triggers would run with the daemon's rights`,
      { hint: `If you trust that role: --trust-owner ${owner}` },
    );
  }
  if (row.trigger_makers.length > 0) {
    const makers = row.trigger_makers.join(', ');
    throw new LamplighterError(
      'CONFIG_INVALID',
      `Others may create triggers on the jobs table ${quotedName}, which would run with the daemon's rights: ${makers}`,
      { hint: `As its owner run: revoke trigger on ${quotedName} from ${makers}. Or trust them: --trust-owner` },
    );
  }
  return { oid: row.oid, quotedName, owner, columns, writers: row.writers, mayWatch: row.may_watch };
}

async function missingTable(db: Queryable, { schema, table }: JobsTableName): Promise<LamplighterError> {
  const [row] = (
    await db.query<{ quoted_name: string; database: string }>(
      "select pg_catalog.format('%I.%I', $1::text, $2::text) as quoted_name, pg_catalog.current_database()::text as database",
      [schema, table],
    )
  ).rows;
  const quotedName = row?.quoted_name ?? table;
  const flags = [...(schema === 'public' ? [] : ['--schema', schema]), ...(table === 'jobs' ? [] : ['--table', table])];
  const command = ['lamplighter create-jobs-table', ...flags.map(inShell)].join(' ');
  return new LamplighterError(
    'CONFIG_INVALID',
    `There is no table ${quotedName} for jobs in the database "${row?.database}"`,
    {
      hint: `Run: ${command}. Or: ${createJobsTableText(quotedName).replaceAll(/\s+/g, ' ')}. ${ABOUT_THE_PAGE}`,
    },
  );
}

/** As an argument of a command. */
function inShell(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
