import { flagVariable } from '../core/config/define-config.ts';
import { LamplighterError } from '../core/errors.ts';
import { type DaemonConfig, type DaemonOption, daemonConfig } from '../daemon/config.ts';
import { type CliOption, type Flags, isGivenAsFlag, listOf, type OptionInput, textOf } from './cli-option.ts';

type Wording = Omit<CliOption, 'flag'>;

const WORDINGS: Readonly<Record<DaemonOption, Wording>> = {
  table: {
    short: 't',
    argument: 'table',
    describes: 'the table of embedding jobs, with its exact name',
    defaultText: 'jobs',
  },
  schema: { short: 's', argument: 'schema', describes: 'the schema of that table', defaultText: 'public' },
  label: { argument: 'label', describes: 'take the jobs with this label only', defaultText: 'those without a label' },
  queueSize: {
    short: 'q',
    argument: 'jobs',
    describes: 'most jobs that are filled at once; changed rows of the others are embedded all the same',
    defaultText: 'all',
  },
  batchRows: { argument: 'rows', describes: 'most rows of one batch', defaultText: '500' },
  allowedHosts: {
    argument: 'host',
    isRepeatable: true,
    describes: 'a host, or the folder of a socket, that db_connection may name besides the host of the jobs table',
  },
  trustedOwners: {
    argument: 'role',
    isRepeatable: true,
    describes: 'also serve tables of this role; its triggers then run with the rights of the daemon',
  },
  maxLoad: {
    argument: 'share',
    describes: 'largest share of the time that the backfill of a job may use its database, such as 0.25',
    defaultText: '1',
  },
  captureLimitBytes: {
    argument: 'size',
    describes: 'largest change log of a job, such as 500MB; beyond it the daemon makes a full pass instead',
    defaultText: '1GB',
  },
  allowsUrlImages: {
    describes:
      'fetch images from https URLs in columns of jobs whose model takes images; addresses that are not public are refused',
  },
  pollIntervalMs: {
    argument: 'duration',
    describes: 'pause before the jobs table is read again',
    defaultText: '500ms',
  },
  maxConnections: { argument: 'n', describes: 'most connections held in one database', defaultText: '8' },
  leaseMs: { argument: 'duration', describes: 'silence after which a daemon counts as dead', defaultText: '30s' },
  heartbeatMs: { argument: 'duration', describes: 'pause between heartbeats', defaultText: '5s' },
};

const optionOf = (name: DaemonOption): CliOption => ({ flag: daemonConfig.options[name].flag, ...WORDINGS[name] });
const DAEMON_OPTION_NAMES = Object.keys(daemonConfig.options) as DaemonOption[]; // the keys are that type's

const TABLE = optionOf('table');
const SCHEMA = optionOf('schema');
const EMBEDDING_TABLE: CliOption = { flag: 'embedding-table', argument: 'table', describes: 'the same as --table' };
const LISTS = ['allowedHosts', 'trustedOwners'] as const;

/** Where the jobs are: every command about embedding jobs has these options. */
export const JOBS_TABLE_OPTIONS: readonly CliOption[] = [TABLE, EMBEDDING_TABLE, SCHEMA];

/** Whom to trust: every command that connects to the databases of jobs has these options. */
export const TRUST_OPTIONS: readonly CliOption[] = LISTS.map(optionOf);

/** Every option of the embedding daemon but those of its connection. */
export const DAEMON_FLAGS: readonly CliOption[] = [
  ...JOBS_TABLE_OPTIONS,
  ...DAEMON_OPTION_NAMES.filter((name) => name !== 'table' && name !== 'schema').map((name) =>
    name === 'allowedHosts' || name === 'trustedOwners' ? trustOption(name) : optionOf(name),
  ),
];

function trustOption(name: (typeof LISTS)[number]): CliOption {
  return TRUST_OPTIONS[LISTS.indexOf(name)] ?? optionOf(name);
}

/** Flags of other versions of Lantern's program, and what to write in their place. */
export const LANTERN_FLAGS: Readonly<Record<string, string>> = {
  'master-db': 'Give the database of the jobs table with --uri.',
  'master-db-schema': 'Give the schema of the jobs table with --schema.',
  'target-db':
    'The database of a job stands in db_connection of its row; "env:LAMPLIGHTER_DB_NAME" there keeps it out of the table.',
  'databases-table': 'The database of a job stands in db_connection of its row.',
  'internal-schema': 'The daemon keeps what it needs in the schema "lamplighter" of the database of each job.',
  embeddings: 'This daemon generates embeddings only: leave it out.',
  autotune: 'This daemon generates embeddings only.',
  'external-index': 'This daemon generates embeddings only.',
  'target-databases': 'The database of a job stands in db_connection of its row.',
  'autotune-table': 'This daemon generates embeddings only.',
  'autotune-results-table': 'This daemon generates embeddings only.',
  'external-index-table': 'This daemon generates embeddings only.',
  'external-index-server': 'This daemon generates embeddings only.',
  'embedding-results-table': 'Progress is in the view lamplighter.embedding_status of the database of each job.',
  'data-path': 'Name the folder of models in LAMPLIGHTER_MODEL_DIR.',
};

/**
 * The daemon's configuration from flags and environment.
 *
 * @param jobsTable in place of what flags and environment name as the jobs table: `schema.table`, or a table in `public`.
 * @throws LamplighterError CONFIG_INVALID or USAGE
 */
export function daemonConfigOf(input: OptionInput, jobsTable?: string): DaemonConfig {
  const { config } = daemonConfig.resolve({ flags: singleValues(input.flags), env: input.env });
  const [allowedHosts = [], trustedOwners = []] = TRUST_OPTIONS.map((option) => listOf(input, option));
  const table = jobsTable === undefined ? jobsTableOf(input) : splitTable(jobsTable);
  return daemonConfig.parse({ ...config, ...table, allowedHosts, trustedOwners });
}

/** Where each value of the daemon's configuration comes from, for people. */
export function daemonOriginsOf({ flags, env }: OptionInput): Readonly<Record<DaemonOption, string>> {
  const { origins } = daemonConfig.resolve({ flags: singleValues(flags), env });
  const listed = LISTS.map((name, at) => {
    const { flag } = optionOf(name);
    const option = TRUST_OPTIONS[at];
    const isFlag = option !== undefined && isGivenAsFlag({ flags, env }, option);
    const isVariable = (env[flagVariable(flag)] ?? '') !== '';
    return [name, isFlag ? `--${flag}` : isVariable ? flagVariable(flag) : 'default'] as const;
  });
  const table = flags['jobsTable'] === undefined ? {} : { table: '--jobs-table', schema: '--jobs-table' };
  return { ...origins, ...Object.fromEntries(listed), ...table };
}

/** Which table holds the jobs. */
export function jobsTableOf(input: OptionInput): Pick<DaemonConfig, 'schema' | 'table'> {
  if (isGivenAsFlag(input, TABLE) && isGivenAsFlag(input, EMBEDDING_TABLE)) {
    throw new LamplighterError('USAGE', '--table and --embedding-table mean the same; give one of them');
  }
  const names = isGivenAsFlag(input, EMBEDDING_TABLE) ? [EMBEDDING_TABLE, TABLE] : [TABLE, EMBEDDING_TABLE];
  const table = names.map((option) => textOf(input, option)).find((text) => text !== undefined);
  return { schema: textOf(input, SCHEMA) ?? 'public', table: table ?? 'jobs' };
}

function splitTable(text: string): Pick<DaemonConfig, 'schema' | 'table'> {
  const [, schema = 'public', table] = /^(?:([^."]+)\.)?([^."]+)$/.exec(text) ?? [];
  if (table !== undefined) return { schema, table };
  throw new LamplighterError('USAGE', `--jobs-table: expected a table, or schema.table, got ${JSON.stringify(text)}`);
}

/** The flags with one value, but for those that mean something else elsewhere. */
function singleValues(flags: Flags): Record<string, string | boolean> {
  const entries = Object.entries(flags);
  return Object.fromEntries(
    entries.filter(
      (entry): entry is [string, string | boolean] => typeof entry[1] !== 'object' && entry[1] !== undefined,
    ),
  );
}
