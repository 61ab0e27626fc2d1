import type { ModelSelection } from '../../models/provider.ts';
import { parseKeyColumns } from '../table/key-columns.ts';
import { readModel } from './read-model.ts';

/** A table of chunks, as the row says. */
export interface WantedChunks {
  readonly schema: string;
  readonly table: string;
  /** Size in tokens; undefined for what the model reads. */
  readonly size: number | undefined;
  readonly overlap: number;
}

/** What a job asks for, as its row says. */
export interface WantedJob {
  /** The text of `db_connection`. It may hold a password: never print it. */
  readonly connection: string | undefined;
  readonly schema: string;
  readonly table: string;
  readonly srcColumn: string;
  readonly dstColumn: string;
  /** A boolean column that tells which rows are embedded. */
  readonly filterColumn: string | undefined;
  /** Where the texts are kept in chunks; undefined where their vectors stand beside them. */
  readonly chunks: WantedChunks | undefined;
  /** Names of key columns as `parseKeyColumns` reads them; undefined for the table's primary key, else `id`. */
  readonly pk: string | undefined;
  readonly columnType: string;
  readonly model: ModelSelection;
  /** Most texts of one call. */
  readonly batchSize: number | undefined;
  readonly maxRowsPerSecond: number | undefined;
  /** Most tokens of a day in UTC. */
  readonly maxTokensPerDay: number | undefined;
  /** The index on the vectors, made once every row has one. */
  readonly index: 'hnsw' | undefined;
}

/** How far a job is, as its row says. */
export interface JobMarks {
  readonly isCanceled: boolean;
  readonly isStarted: boolean;
  readonly isFinished: boolean;
  readonly isFailed: boolean;
  readonly failureReason: string | undefined;
  /** 0 to 100; undefined where the table has no such column, or the row none. */
  readonly progress: number | undefined;
}

/** One row of the jobs table. */
export interface JobRow {
  /** The user's id, as text. */
  readonly id: string;
  readonly label: string | undefined;
  readonly marks: JobMarks;
  /** What it asks for, or why it cannot be done, as a sentence for `init_failure_reason`. */
  readonly spec: WantedJob | { readonly problem: string };
}

/** Values of a row as texts by column; a column that the table lacks is absent. */
export type JobTexts = Readonly<Record<string, string | null | undefined>>;

const COLUMN_TYPE =
  /^\s*(?:(?:real|float4)\s*\[\s*\d*\s*\]|vector|halfvec|(?:vector|halfvec)\s*\(\s*\d{1,6}\s*\))\s*$/i;
const MOST_NAME_BYTES = 63;
const EMBEDDING_JOB = /^\s*embeddings?([ _-]?generation)?\s*$/i;

/** Reads a row. Nothing in it can fail the reading: what is wrong becomes the row's problem. An empty text is as good as NULL. */
export function parseJobRow(texts: JobTexts): JobRow {
  const text = (column: string) => (texts[column] === '' ? undefined : (texts[column] ?? undefined));
  return {
    id: text('id') ?? '',
    label: text('label'),
    marks: {
      isCanceled: text('canceled_at') === 'true',
      isStarted: text('init_started_at') !== undefined,
      isFinished: text('init_finished_at') !== undefined,
      isFailed: text('init_failed_at') !== undefined,
      failureReason: text('init_failure_reason'),
      progress: text('init_progress') === undefined ? undefined : Number(text('init_progress')),
    },
    spec: readSpec(text),
  };
}

/** A text that is equal for equal jobs: another one means that the job has changed. */
export function fingerprintOf(spec: WantedJob): string {
  return JSON.stringify([
    spec.connection,
    spec.schema,
    spec.table,
    spec.srcColumn,
    spec.dstColumn,
    spec.filterColumn,
    spec.chunks,
    spec.pk,
    spec.columnType,
    spec.model,
    spec.batchSize,
    spec.maxRowsPerSecond,
    spec.maxTokensPerDay,
    spec.index,
  ]);
}

function readSpec(text: (column: string) => string | undefined): JobRow['spec'] {
  const problems: string[] = [];
  const given = (column: string) => {
    const value = text(column);
    if (value === undefined) problems.push(`${column} is not set`);
    return value ?? '';
  };
  const count = (column: string, digits = 9) => {
    const value = text(column);
    if (value === undefined) return undefined;
    if (/^\d+$/.test(value) && value.length <= digits && Number(value) > 0) return Number(value);
    problems.push(`${column} must be a whole number above 0`);
    return undefined;
  };
  const jobType = text('job_type');
  if (jobType !== undefined && !EMBEDDING_JOB.test(jobType)) {
    problems.push(`job_type is "${jobType.slice(0, 60)}", and this daemon generates embeddings only`);
  }
  const columnType = text('column_type') ?? 'REAL[]';
  if (!COLUMN_TYPE.test(columnType)) {
    problems.push('column_type must be REAL[], vector(n) or halfvec(n)');
  }
  const index = text('index')?.trim().toLowerCase();
  if (index !== undefined && index !== 'hnsw') {
    problems.push(`index is "${index.slice(0, 60)}", and must be hnsw, or NULL for none`);
  }
  const pk = text('pk')?.trim() === '' ? undefined : text('pk');
  const pkProblem = pk === undefined ? undefined : problemOfKey(pk);
  if (pkProblem !== undefined) problems.push(pkProblem);
  const [table, srcColumn, dstColumn] = [given('table'), given('src_column'), given('dst_column')];
  const model = readModel({ name: given('embedding_model'), runtime: text('runtime'), params: text('runtime_params') });
  if ('problem' in model && !problems.some((problem) => problem.startsWith('embedding_model'))) {
    problems.push(model.problem);
  }
  if (Buffer.byteLength(dstColumn) > MOST_NAME_BYTES) {
    problems.push(`dst_column is longer than ${MOST_NAME_BYTES} bytes, and PostgreSQL would cut the name`);
  }
  const schema = text('schema') ?? 'public';
  const chunks = readChunks(text, schema);
  if (chunks !== undefined && 'problem' in chunks) problems.push(chunks.problem);
  if (srcColumn !== '' && srcColumn === dstColumn && chunks === undefined)
    problems.push('src_column and dst_column are the same column');
  const spec = {
    connection: text('db_connection'),
    schema,
    table,
    srcColumn,
    dstColumn,
    filterColumn: text('filter_column'),
    columnType: columnType.trim(),
    batchSize: count('batch_size'),
    maxRowsPerSecond: count('max_rows_per_second'),
    maxTokensPerDay: count('max_tokens_per_day', 15),
    index: index === 'hnsw' ? ('hnsw' as const) : undefined,
  };
  const [problem] = problems;
  const isReadable = !('problem' in model || pkProblem !== undefined);
  if (problem !== undefined || !isReadable || (chunks !== undefined && 'problem' in chunks)) {
    return { problem: problem ?? 'the row cannot be read' };
  }
  return { ...spec, pk, chunks, model };
}

function readChunks(
  text: (column: string) => string | undefined,
  schema: string,
): WantedChunks | { readonly problem: string } | undefined {
  const named = text('dst_table')?.trim();
  const [size, overlap] = [text('chunk_size'), text('chunk_overlap')];
  if (named === undefined || named === '') {
    const column = size !== undefined ? 'chunk_size' : overlap !== undefined ? 'chunk_overlap' : undefined;
    return column === undefined
      ? undefined
      : { problem: `${column} is set, and dst_table is not: name a table for the chunks` };
  }
  const names = /^(?:(?:"((?:[^"]|"")+)"|([^".]+))\.)?(?:"((?:[^"]|"")+)"|([^".]+))$/.exec(named);
  if (names === null) {
    return {
      problem: 'dst_table must be the name of a table, or schema.table; quoted where a name has dots or quotes',
    };
  }
  const unquoted = (quoted: string | undefined, plain: string | undefined) => quoted?.replaceAll('""', '"') ?? plain;
  const [, quotedSchema, plainSchema, quotedTable, plainTable] = names;
  if (size !== undefined && !(/^\d{1,9}$/.test(size) && Number(size) > 0)) {
    return { problem: 'chunk_size must be a whole number of tokens above 0' };
  }
  if (overlap !== undefined && !/^\d{1,9}$/.test(overlap)) {
    return { problem: 'chunk_overlap must be a whole number of tokens, 0 or more' };
  }
  if (size !== undefined && Number(overlap ?? 0) > Number(size) / 2) {
    return { problem: `chunk_overlap must be at most half of chunk_size (${size})` };
  }
  return {
    schema: unquoted(quotedSchema, plainSchema) ?? schema,
    table: unquoted(quotedTable, plainTable) ?? named,
    size: size === undefined ? undefined : Number(size),
    overlap: Number(overlap ?? 0),
  };
}

function problemOfKey(text: string): string | undefined {
  const columns = parseKeyColumns(text);
  if (columns === undefined) return 'pk must be the names of columns, separated by commas';
  return new Set(columns).size < columns.length ? 'pk names a column twice' : undefined;
}
