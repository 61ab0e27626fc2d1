import { LamplighterError } from '../../core/errors.ts';
import { toPrintable } from '../../core/printable.ts';
import { didYouMean } from '../../core/suggest.ts';
import type { Queryable } from '../../db/query.ts';
import { OPTIONAL_COLUMNS } from '../../embeddings/jobs/job-columns.ts';
import { parseJobRow, type WantedJob } from '../../embeddings/jobs/job-row.ts';
import type { JobsTable } from '../../embeddings/jobs/jobs-table.ts';
import { createModelRegistry } from '../../models/registry.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { type CliOption, textOf } from '../cli-option.ts';
import { CONNECTION_OPTIONS } from '../connection-options.ts';
import { JOBS_TABLE_OPTIONS, TRUST_OPTIONS } from '../daemon-options.ts';
import { EXIT } from '../exit.ts';
import { withJobs } from '../jobs/job-access.ts';

interface ColumnOption extends CliOption {
  /** The column of the jobs table. */
  readonly column: string;
}

const COLUMNS: readonly ColumnOption[] = [
  { flag: 'source-table', argument: 'table', column: 'table', describes: 'the table that holds the texts' },
  {
    flag: 'source-schema',
    argument: 'schema',
    column: 'schema',
    describes: 'the schema of that table',
    defaultText: 'public',
  },
  { flag: 'src-column', argument: 'column', column: 'src_column', describes: 'the column of the texts' },
  {
    flag: 'dst-column',
    argument: 'column',
    column: 'dst_column',
    describes: 'the column of the vectors, added if missing',
  },
  { flag: 'model', short: 'm', argument: 'model', column: 'embedding_model', describes: 'a name from "show-models"' },
  { flag: 'pk', argument: 'columns', column: 'pk', describes: 'the key, where that is not the primary key' },
  {
    flag: 'filter-column',
    argument: 'column',
    column: 'filter_column',
    describes: 'a boolean column: rows are embedded only while it is true',
  },
  {
    flag: 'dst-table',
    argument: 'table',
    column: 'dst_table',
    describes: 'keep the texts in chunks in this table, each with its vector; created if missing',
  },
  {
    flag: 'chunk-size',
    argument: 'tokens',
    column: 'chunk_size',
    describes: 'most tokens of a chunk',
    defaultText: 'what the model reads, 512 at most',
  },
  {
    flag: 'chunk-overlap',
    argument: 'tokens',
    column: 'chunk_overlap',
    describes: 'tokens that a chunk shares with the one before it',
    defaultText: '0',
  },
  {
    flag: 'column-type',
    argument: 'type',
    column: 'column_type',
    describes: 'of a column that is added: REAL[], vector(n) or halfvec(n)',
    defaultText: 'REAL[]',
  },
  {
    flag: 'index',
    argument: 'method',
    column: 'index',
    describes: 'hnsw: build an index for search once every row has its vector',
  },
  { flag: 'runtime', argument: 'runtime', column: 'runtime', describes: 'a name from "show-runtimes"' },
  {
    flag: 'runtime-params',
    argument: 'json',
    column: 'runtime_params',
    describes: 'dimensions and input_type, as a JSON object',
  },
  { flag: 'batch-size', argument: 'n', column: 'batch_size', describes: 'most texts of one call of the model' },
  { flag: 'job-label', argument: 'label', column: 'label', describes: 'for a daemon with that --label only' },
  {
    flag: 'db-connection',
    argument: 'text',
    column: 'db_connection',
    describes: 'the database of the table, best as env:LAMPLIGHTER_DB_NAME',
    defaultText: 'the one of the jobs table',
  },
  {
    flag: 'max-rows-per-second',
    argument: 'n',
    column: 'max_rows_per_second',
    describes: 'limit the job to this rate',
  },
  {
    flag: 'max-tokens-per-day',
    argument: 'n',
    column: 'max_tokens_per_day',
    describes: 'most tokens of a day in UTC; the job then waits for the next day',
  },
];

export const jobsAddCommand: CliCommand = {
  name: 'jobs add',
  summary: 'add an embedding job',
  details:
    'Adds a row to the jobs table; a running daemon takes it up within a second. Like an INSERT, but with checked names.',
  options: [...CONNECTION_OPTIONS, ...JOBS_TABLE_OPTIONS, ...TRUST_OPTIONS, ...COLUMNS],
  examples: [
    {
      command:
        'lamplighter jobs add --source-table articles --src-column body --dst-column embedding --model BAAI/bge-small-en',
      does: 'vectors of articles.body in articles.embedding',
    },
  ],
  logLevel: 'warn',
  run: (invocation) =>
    withJobs(invocation, async ({ db, table }) => {
      const texts = Object.fromEntries(COLUMNS.map((option) => [option.column, textOf(invocation, option)]));
      const { spec } = parseJobRow({ id: 'new', ...texts });
      if ('problem' in spec) throw new LamplighterError('USAGE', `This is no job: ${nameFlag(spec.problem)}`);
      const given = Object.entries(texts).filter((entry): entry is [string, string] => entry[1] !== undefined);
      const unknown = given.find(([column]) => !table.columns.has(column));
      if (unknown !== undefined) {
        const [column] = unknown;
        const definition = OPTIONAL_COLUMNS.find(({ name }) => name === column)?.definition ?? 'text';
        throw new LamplighterError('USAGE', `${table.quotedName} has no column "${column}"`, {
          hint: `Run: alter table ${table.quotedName} add column "${column}" ${definition}`,
        });
      }
      await warnOfModel(invocation, spec);
      // Lantern's own table wants a database in each row; an empty text means that of the jobs table, as NULL does.
      if (texts['db_connection'] === undefined && (await isRequired(db, table, 'db_connection')))
        given.push(['db_connection', '']);
      // The type of each column is the user's own.
      const { rows } = await db.query<{ id: string }>(
        `insert into ${table.quotedName} (${given.map(([column]) => `"${column}"`).join(', ')})
         values (${given.map((_, at) => `$${at + 1}`).join(', ')}) returning id::text as id`,
        given.map(([, text]) => text),
      );
      const { terminal } = invocation;
      terminal.print(`${terminal.style.green('Added')} the job ${rows[0]?.id}`);
      terminal.print(
        terminal.style.dim('  "lamplighter jobs list" shows how far it is; "lantern-cli start-daemon" does it.'),
      );
      return EXIT.done;
    }),
};

/** The daemon may have models of its own, so that this is no error. */
async function warnOfModel({ providers, terminal }: Invocation, { model }: WantedJob): Promise<void> {
  const registry = createModelRegistry({ providers });
  const description = await registry.describe(model);
  if (description.state !== 'unknown') return;
  terminal.printError(
    `${terminal.errorStyle.yellow('warning:')} this program has no model ${toPrintable(model.name)}${didYouMean(
      model.name,
      (await registry.list()).map(({ name }) => name),
    )}`,
  );
}

async function isRequired(db: Queryable, { oid }: JobsTable, column: string): Promise<boolean> {
  const { rows } = await db.query<{ is_required: boolean }>(
    'select a.attnotnull and not a.atthasdef as is_required from pg_catalog.pg_attribute as a where a.attrelid = $1 and a.attname = $2',
    [oid, column],
  );
  return rows[0]?.is_required === true;
}

/** A problem names columns; here they are flags. */
function nameFlag(problem: string): string {
  const named = COLUMNS.filter(({ column }) => column.includes('_') || problem.startsWith(`${column} `));
  return named.reduce(
    (text, { column, flag }) => text.replaceAll(new RegExp(`\\b${column}\\b`, 'g'), `--${flag}`),
    problem,
  );
}
