import { type Clock, systemClock } from '../core/clock.ts';
import { LamplighterError } from '../core/errors.ts';
import type { Pool } from '../db/pool.ts';
import type { RowAnswer } from '../embeddings/write-vectors.ts';
import type { Model } from '../models/port.ts';
import { embedRows } from './embed-rows.ts';
import { inspectColumns, textOf } from './inspect-columns.ts';
import { createModelTurns } from './model-turns.ts';
import { createPace } from './pace.ts';
import { createPassBudget } from './pass-budget.ts';

const PAGE_ROWS = 500;
/** Images of 20 MB at most. */
const PAGE_IMAGES = 16;

/** Which rows of a table are to be embedded; names as they are, not quoted. */
export interface SourceRows {
  readonly schema: string;
  readonly table: string;
  readonly srcColumn: string;
  readonly pk: string;
  /** A condition in SQL, put into the statement as it is. */
  readonly filter?: string | undefined;
  readonly limit?: number | undefined;
}

/** A row that was read: its key, and its text. */
export interface SourceRow {
  readonly key: string;
  readonly text: string;
}

/** Takes the vectors of some rows, in order; an answer that is no vector tells why there is none. Resolves with how many could not be written, and why. */
export type TakeVectors = (
  rows: readonly SourceRow[],
  answers: readonly RowAnswer[],
) => Promise<UnwrittenRows | undefined>;

export interface UnwrittenRows {
  readonly rows: number;
  readonly error: string;
}

export interface EmbedOnceOptions {
  readonly db: Pool;
  readonly source: SourceRows;
  readonly model: Model;
  readonly dimensions: number;
  /** The model takes images as texts: see `takeImagesAsTexts`. */
  readonly isVisual?: boolean | undefined;
  readonly batchSize?: number | undefined;
  readonly maxRowsPerSecond?: number | undefined;
  /** Tokens of a day in UTC, after which the pass waits for the next one. @default no limit */
  readonly maxTokensPerDay?: number | undefined;
  /** Told when the pass begins to wait for the next day. */
  readonly onDayUsedUp?: () => void;
  readonly take: TakeVectors;
  /** Told after each page; the total is a count made at the start. */
  readonly onProgress: (done: number, total: number) => void;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

export interface EmbeddedOnce {
  readonly rows: number;
  readonly failed: number;
  readonly firstError: string | undefined;
  readonly calls: number;
  /** Undefined where the model does not tell. */
  readonly tokens: number | undefined;
  /** Rows whose text was longer than the model's window; undefined where the model does not tell. */
  readonly truncated: number | undefined;
}

/**
 * Embeds the rows once, in the order of their keys; rows with one key are read together. Rows without a text are passed over, and those
 * without a key have failed. No transaction is open while the model computes.
 *
 * @throws LamplighterError MODEL_FAILED when the model is unavailable or gives vectors of another length; the server's errors.
 */
export async function embedOnce(options: EmbedOnceOptions): Promise<EmbeddedOnce> {
  const {
    db,
    source,
    model,
    dimensions,
    isVisual = false,
    batchSize,
    maxRowsPerSecond,
    maxTokensPerDay: limitOfDay,
    onDayUsedUp,
    take,
    onProgress,
    signal,
    clock = systemClock,
  } = options;
  const { limit = Number.POSITIVE_INFINITY } = source;
  const { quotedTable, pk, src, text, pkType } = await inspectSource(db, source, isVisual);
  const condition = `${src} is not null${source.filter === undefined ? '' : ` and (${source.filter}\n)`}`;
  const total = await countRows(db, `select count(*)::text as rows from ${quotedTable} where ${condition}`, limit);
  const turns = createModelTurns(model, { note: () => undefined, settle: () => undefined }, clock);
  const page = `select ${pk}::text as key, ${text} as text from ${quotedTable} where ${condition} and ${pk} is not null
    and ($1::text is null or ${pk} > $1::text::${pkType}) order by ${pk} fetch first ($2::bigint) rows with ties`;
  let last: string | null = null;
  const pace = createPace({ maxRowsPerSecond, maxLoad: 1, clock });
  const budget = limitOfDay === undefined ? undefined : await createPassBudget({ db, limit: limitOfDay, clock });
  const pageRows = isVisual ? PAGE_IMAGES : PAGE_ROWS;
  const mostRows = pace.atMost(pageRows);
  let [rows, failed, calls] = [0, 0, 0];
  let [tokens, truncated]: [number | undefined, number | undefined] = [undefined, undefined];
  let firstError: string | undefined;
  onProgress(0, total);
  while (rows < limit) {
    if (pace.rowsInMs() > 0) await clock.delay(pace.rowsInMs(), signal);
    signal.throwIfAborted();
    const size = Math.min(mostRows, limit - rows);
    const read: SourceRow[] = (await db.query<{ key: string; text: string }>(page, [last, size])).rows;
    const found = read.slice(0, limit - rows);
    if (found.length === 0) break;
    pace.noteRows(found.length);
    for (let left: readonly SourceRow[] = found; left.length > 0; ) {
      const asked = left;
      const options = { model, dimensions, turns, kind: 'pass', batchSize, budget, signal } as const;
      const embedded = await embedRows(asked, options);
      budget?.settle(embedded.usage.tokens ?? 0);
      const trouble = embedded.outage?.message ?? embedded.wrongDimensions;
      if (trouble !== undefined) throw new LamplighterError('MODEL_FAILED', `Model "${model.name}": ${trouble}`);
      const isLate = (at: number) => isUntried(embedded.answers[at]);
      left = asked.filter((_, at) => isLate(at));
      const done = asked.filter((_, at) => !isLate(at));
      const answers = embedded.answers.filter((answer) => !isUntried(answer));
      const unwritten = await take(done, answers);
      failed += unwritten?.rows ?? 0;
      firstError ??= unwritten?.error;
      for (const answer of answers) {
        if (answer instanceof Float32Array) continue;
        failed += 1;
        firstError ??= answer.error;
      }
      calls += embedded.usage.calls;
      tokens = budget?.used ?? added(tokens, embedded.usage.tokens);
      truncated = added(truncated, embedded.usage.truncated);
      if (budget === undefined || left.length === 0) continue;
      onProgress(rows + found.length - left.length, Math.max(rows + found.length, total));
      onDayUsedUp?.();
      await clock.delay(budget.waitMs(), signal);
      signal.throwIfAborted();
    }
    rows += found.length;
    last = found.at(-1)?.key ?? null;
    onProgress(rows, Math.max(rows, total));
    if (found.length < size) break;
  }
  const keyless =
    rows < limit
      ? await countRows(
          db,
          `select count(*)::text as rows from ${quotedTable} where ${condition} and ${pk} is null`,
          limit - rows,
        )
      : 0;
  if (keyless > 0) {
    rows += keyless;
    failed += keyless;
    firstError ??= `${pk} is null: a row without a key cannot be named`;
  }
  return { rows, failed, firstError, calls, tokens, truncated };
}

/** There was no room for it in the day. */
function isUntried(answer: RowAnswer | undefined): boolean {
  return answer !== undefined && !(answer instanceof Float32Array) && answer.isUntried === true;
}

function added(sum: number | undefined, more: number | undefined): number | undefined {
  return more === undefined ? sum : (sum ?? 0) + more;
}

async function inspectSource(
  db: Pool,
  { schema, table, srcColumn, pk }: SourceRows,
  isVisual: boolean,
): Promise<{ quotedTable: string; pk: string; src: string; text: string; pkType: string }> {
  const columns = await inspectColumns(db, { schema, table }, [pk, srcColumn]);
  const [key, src] = columns.columns;
  if (key === undefined || src === undefined) {
    const missing = key === undefined ? pk : srcColumn;
    throw new LamplighterError('CONFIG_INVALID', `${columns.quotedTable} has no column "${missing}"`);
  }
  if (src.type === 'bytea' && !isVisual) {
    throw new LamplighterError('CONFIG_INVALID', `Column "${srcColumn}" is of type bytea, and the model takes texts`, {
      hint: 'For images name an image model, such as clip/ViT-B-32-visual.',
    });
  }
  const { quotedTable } = columns;
  return { quotedTable, pk: key.quotedName, src: src.quotedName, text: textOf(src.quotedName, src), pkType: key.type };
}

async function countRows(db: Pool, text: string, limit: number): Promise<number> {
  const { rows } = await db.query<{ rows: string }>(text);
  return Math.min(limit, Number(rows[0]?.rows ?? 0));
}
