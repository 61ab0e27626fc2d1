import { backoffMs } from '../core/backoff.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { LamplighterError } from '../core/errors.ts';
import type { Pool } from '../db/pool.ts';
import { classifySqlState } from '../db/sqlstate.ts';
import type { SourceRow, TakeVectors } from './embed-once.ts';
import { type InspectedColumn, inspectColumns, textOf } from './inspect-columns.ts';

/** Longest that rows are waited for which other transactions have locked. */
const LONGEST_WAIT_MS = 60_000;
const AGAIN = { baseMs: 100, capMs: 2_000 };

/** Where vectors go; names as they are, not quoted. */
export interface VectorPlace {
  readonly schema: string;
  readonly table: string;
  readonly pk: string;
  readonly dstColumn: string;
  /** Of the vectors. */
  readonly dimensions: number;
  /** Where the texts are in that table. */
  readonly srcColumn?: string | undefined;
}

export interface VectorWriterOptions {
  /** Gives up waiting for rows. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

interface Vector extends SourceRow {
  readonly vector: string;
}

/**
 * Writes vectors into a column of a table, by key. Rows that are gone are passed over, and so are those whose text is another one by now,
 * where the texts are in that table. Nobody's row is waited for while others are held, so that no transaction meets a deadlock with this one:
 * rows that are locked come later, for up to a minute.
 *
 * @throws LamplighterError CONFIG_INVALID when the table or the column is missing, or the column is not for such vectors: a text, which takes
 *   everything, would be overwritten.
 */
export async function createVectorWriter(
  db: Pool,
  { schema, table, pk, dstColumn, dimensions, srcColumn }: VectorPlace,
  { signal, clock = systemClock }: VectorWriterOptions,
): Promise<TakeVectors> {
  const names = [pk, dstColumn, ...(srcColumn === undefined ? [] : [srcColumn])];
  const { quotedTable, columns } = await inspectColumns(db, { schema, table }, names);
  const [key, dst, src] = columns;
  if (key === undefined || dst === undefined) {
    throw new LamplighterError(
      'CONFIG_INVALID',
      `${quotedTable} has no column "${key === undefined ? pk : dstColumn}"`,
      { hint: key === undefined ? undefined : 'With --create-column the column of the vectors is added.' },
    );
  }
  requireVectors(dst, dimensions);
  const isArray = dst.baseType.endsWith('[]');
  const named = `from ${quotedTable} as t where t.${key.quotedName} = any ($1::text[]::${key.type}[])`;
  const lock = `select t.${key.quotedName}::text as key ${named} for no key update skip locked`;
  const count = `select t.${key.quotedName}::text as key ${named}`;
  const update = `update ${quotedTable} as t set ${dst.quotedName} = d.vector::${dst.type}
    from (select unnest($1::text[])::${key.type} as key, unnest($2::text[]) as vector, unnest($3::text[]) as text) as d
    where t.${key.quotedName} = d.key${src === undefined ? '' : ` and (${textOf(`t.${src.quotedName}`, src)}) collate pg_catalog."C" = d.text`}`;

  /** Writes the rows that nobody has locked, and returns the others. */
  async function writeFree(vectors: readonly Vector[]): Promise<readonly Vector[]> {
    return db.withTransaction(async (transaction) => {
      // A trigger of the table may wait for others.
      await transaction.query("select pg_catalog.set_config('lock_timeout', '200ms', true)");
      const keys = [[...new Set(vectors.map((vector) => vector.key))]];
      const held = countKeys((await transaction.query<{ key: string }>(lock, keys)).rows);
      const there = countKeys((await transaction.query<{ key: string }>(count, keys)).rows);
      const isFree = (vector: Vector) => (held.get(vector.key) ?? 0) >= (there.get(vector.key) ?? 0);
      const free = vectors.filter(isFree);
      await transaction.query(update, [
        free.map((row) => row.key),
        free.map(({ vector }) => vector),
        free.map(({ text }) => text),
      ]);
      return vectors.filter((vector) => !isFree(vector));
    });
  }

  return async (rows, answers) => {
    let left: readonly Vector[] = rows.flatMap((row, at) => {
      const answer = answers[at];
      return answer instanceof Float32Array ? [{ ...row, vector: formatVector(answer, isArray) }] : [];
    });
    const startedMs = clock.nowMs();
    for (let tries = 1; left.length > 0; tries += 1) {
      try {
        left = await writeFree(left);
      } catch (error) {
        if (classifySqlState(error) !== 'conflict') throw error;
      }
      if (left.length === 0) break;
      if (clock.nowMs() - startedMs >= LONGEST_WAIT_MS) {
        const error = `other transactions have had the row locked for ${LONGEST_WAIT_MS / 1_000} s`;
        return { rows: left.length, error };
      }
      await clock.delay(backoffMs(tries, undefined, AGAIN), signal);
      signal.throwIfAborted();
    }
    return undefined;
  };
}

function requireVectors({ quotedName, type, baseType }: InspectedColumn, dimensions: number): void {
  if (/^(?:real|double precision|numeric(?:\([\d,]+\))?)\[\]$/.test(baseType)) return;
  const [isVector, size] = /^(?:.*\.)?(?:vector|halfvec)(?:\((\d+)\))?$/.exec(baseType) ?? [];
  if (isVector === undefined) {
    throw new LamplighterError('CONFIG_INVALID', `Column ${quotedName} is of type ${type}, which holds no vectors`, {
      hint: 'Name a column of type real[], vector(n) or halfvec(n); with --create-column it is added.',
    });
  }
  if (size === undefined || Number(size) === dimensions) return;
  throw new LamplighterError(
    'CONFIG_INVALID',
    `Column ${quotedName} holds vectors of ${size} dimensions, and the model's have ${dimensions}`,
    { hint: 'Name another column.' },
  );
}

function countKeys(rows: readonly { readonly key: string }[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { key } of rows) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

/** As an array of PostgreSQL, or as pgvector writes it. */
export function formatVector(vector: Float32Array, isArray: boolean): string {
  const values = vector.join(',');
  return isArray ? `{${values}}` : `[${values}]`;
}
