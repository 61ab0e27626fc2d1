import type { ColumnFacts } from './inspect-table.ts';
import { invalidJob } from './invalid-job.ts';
import { quoteIdentifier } from './quote-identifier.ts';

const HINT = 'Use real[], vector(n) or halfvec(n).';

/** A type that vectors can be written to. */
export interface VectorType {
  /** The definition for ALTER TABLE. */
  readonly definition: string;
  /** Turns a `float4[]` or a `vector` into it; empty for `float4[]` itself. */
  readonly cast: string;
}

const PLAIN: VectorType = { definition: 'pg_catalog.float4[]', cast: '' };

function ofExtension(name: string, dimensions: number, vectorSchema: string | undefined): VectorType {
  if (vectorSchema === undefined) {
    throw invalidJob(
      `The type ${name} is not there: pgvector is not installed in this database`,
      'CREATE EXTENSION vector;',
    );
  }
  const definition = `${quoteIdentifier(vectorSchema)}.${name}(${dimensions})`;
  return { definition, cast: `::${definition}` };
}

/**
 * The type that a `column_type` names, for vectors of `dimensions` numbers.
 *
 * @throws LamplighterError JOB_INVALID for another type, or another number of dimensions.
 */
export function parseColumnType(text: string, dimensions: number, vectorSchema: string | undefined): VectorType {
  const spelled = text.trim().toLowerCase().replace(/\s+/g, ' ');
  if (/^(?:pg_catalog\.)?(?:real|float4)(?: ?\[ ?\d* ?\]| array)$/.test(spelled)) return PLAIN;
  const match = /^(?:"?[\w$]+"?\.)?(vector|halfvec)(?: ?\( ?(\d+) ?\))?$/.exec(spelled);
  if (match === null) throw invalidJob(`The column type ${text} cannot hold vectors`, HINT);
  const [, name = '', size] = match;
  if (size !== undefined && Number(size) !== dimensions) {
    throw invalidJob(`The column type ${text} does not fit: the model's vectors have ${dimensions} dimensions`);
  }
  return ofExtension(name, dimensions, vectorSchema);
}

/**
 * The type of a destination that is there.
 *
 * @throws LamplighterError JOB_INVALID when it cannot hold vectors of `dimensions` numbers.
 */
export function vectorTypeOf(column: ColumnFacts, dimensions: number, vectorSchema: string | undefined): VectorType {
  if (column.baseSchema === 'pg_catalog' && column.baseName === '_float4') return PLAIN;
  const isOfExtension = column.baseSchema === vectorSchema && ['vector', 'halfvec'].includes(column.baseName);
  if (!isOfExtension)
    throw invalidJob(`Column ${quoteIdentifier(column.name)} is of type ${column.type}, which holds no vectors`, HINT);
  if (column.modifier !== -1 && column.modifier !== dimensions) {
    throw invalidJob(
      `Column ${quoteIdentifier(column.name)} holds vectors of ${column.modifier} dimensions, and the model's have ${dimensions}`,
      'Name another dst_column: the old vectors stay where they are.',
    );
  }
  return ofExtension(column.baseName, dimensions, vectorSchema);
}
