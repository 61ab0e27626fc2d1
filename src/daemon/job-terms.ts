import { hasCode, LamplighterError } from '../core/errors.ts';
import { classifySqlState } from '../db/sqlstate.ts';
import type { ChunkSpec, JobSpec } from '../embeddings/job-spec.ts';
import type { WantedChunks, WantedJob } from '../embeddings/jobs/job-row.ts';
import type { Model } from '../models/port.ts';

/** Tokens of a chunk where the row does not say, of a model that reads more: a page of text or so. */
const CHUNK_TOKENS = 512;
/** Room in the model's window for its special tokens and a prefix. */
const RESERVED_TOKENS = 16;

/** `schema.table.column`, for people. */
export function nameFor({ schema, table, dstColumn, chunks }: WantedJob): string {
  return chunks === undefined ? `${schema}.${table}.${dstColumn}` : `${chunks.schema}.${chunks.table}.${dstColumn}`;
}

/**
 * How texts are divided for a model: never into more than it reads. `warnings`: the row asks for more.
 *
 * @throws LamplighterError JOB_INVALID for an overlap of more than half of a chunk.
 */
export function chunksFor(
  { size, ...wanted }: WantedChunks,
  { name, window = Number.POSITIVE_INFINITY }: Pick<Model, 'name' | 'window'>,
): { readonly chunks: ChunkSpec; readonly warnings: readonly string[] } {
  const most = window - RESERVED_TOKENS > 0 ? window - RESERVED_TOKENS : window;
  const chunks = { ...wanted, size: Math.min(size ?? CHUNK_TOKENS, most) };
  if (chunks.overlap > chunks.size / 2) {
    throw new LamplighterError(
      'JOB_INVALID',
      `chunk_overlap is ${chunks.overlap} tokens, and must be at most half of a chunk, which has ${chunks.size} for the model ${name}`,
    );
  }
  const isTooLarge = size !== undefined && size > most;
  return {
    chunks,
    warnings: isTooLarge
      ? [`chunk_size is ${size} tokens, and ${name} reads ${most} of a text: chunks have ${chunks.size}`]
      : [],
  };
}

/** The name of the model with whatever else makes its vectors other ones. */
function modelNameOf({ model }: WantedJob): string {
  return [model.name, ...(model.inputType === undefined ? [] : [model.inputType])].join(' ');
}

/** What a row asks for, as the side of the table takes it. */
export function toJobSpec(
  spec: WantedJob,
  rest: Pick<
    JobSpec,
    'chunks' | 'images' | 'controlId' | 'jobId' | 'dimensions' | 'trustedOwners' | 'jobRowOwner' | 'captureLimitBytes'
  >,
): JobSpec {
  const { schema, table, srcColumn, dstColumn, filterColumn, pk, columnType } = spec;
  return {
    ...rest,
    schema,
    table,
    srcColumn,
    dstColumn,
    ...(filterColumn === undefined ? {} : { filterColumn }),
    ...(pk === undefined ? {} : { pk }),
    columnType,
    model: modelNameOf(spec),
  };
}

const CONFIG_CODES = ['JOB_INVALID', 'CONFIG_INVALID', 'MODEL_NOT_FOUND', 'MODEL_FAILED', 'PERMISSION_DENIED'] as const;

/** A user has to fix the error; a retry cannot succeed before. */
export function isConfigError(error: unknown): boolean {
  if (CONFIG_CODES.some((code) => hasCode(error, code))) return true;
  const kind = classifySqlState(error);
  return kind === 'permission';
}
