import { hasCode } from '../core/errors.ts';
import { classifySqlState } from '../db/sqlstate.ts';
import type { JobSpec } from '../embeddings/job-spec.ts';
import type { WantedJob } from '../embeddings/jobs/job-row.ts';

/** `schema.table.column`, for people. */
export function nameFor({ schema, table, dstColumn }: WantedJob): string {
  return `${schema}.${table}.${dstColumn}`;
}

/** The name of the model with whatever else makes its vectors other ones. */
function modelNameOf({ model }: WantedJob): string {
  return [model.name, ...(model.inputType === undefined ? [] : [model.inputType])].join(' ');
}

/** What a row asks for, as the side of the table takes it. */
export function toJobSpec(
  spec: WantedJob,
  rest: Pick<JobSpec, 'controlId' | 'jobId' | 'dimensions' | 'trustedOwners' | 'jobRowOwner' | 'captureLimitBytes'>,
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

/** Somebody has to mend what the error says; trying again helps nobody until then. */
export function isConfigError(error: unknown): boolean {
  if (CONFIG_CODES.some((code) => hasCode(error, code))) return true;
  const kind = classifySqlState(error);
  return kind === 'permission';
}
