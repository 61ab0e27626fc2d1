import { createPacer } from '../../src/core/pacer.ts';
import { splitText } from '../../src/embeddings/chunks/split-text.ts';
import type { TestDatabase } from './database.ts';
import { createTestProvider } from './test-runtime.ts';

/** How the chunks of a table's texts are made. */
export interface ChunkingOfTest {
  readonly table: string;
  readonly chunks: string;
  readonly size: number;
  readonly overlap?: number;
  /** @default 'test/model' */
  readonly model?: string;
  /** A boolean column. */
  readonly filter?: string;
}

/**
 * What differs between the chunks that stand there and those that the texts have now, divided and embedded anew: empty when nothing is
 * missing, stale or left over. The columns are `id`, `body`, and `embedding`.
 */
export async function findChunkFaults(
  { pool }: Pick<TestDatabase, 'pool'>,
  { table, chunks, size, overlap = 0, model: name = 'test/model', filter = 'true' }: ChunkingOfTest,
): Promise<readonly string[]> {
  const { signal } = new AbortController();
  const model = await createTestProvider().load({ name }, signal);
  const { rows: texts } = await pool.query<{ id: string; body: string }>(
    `select id::text, body from ${table} where (${filter}) and body ~ '[^ \\t\\n\\r\\f\\v]' order by id`,
  );
  const spans =
    (await model.tokenize?.(
      texts.map(({ body }) => body),
      signal,
    )) ?? [];
  const divided = await Promise.all(
    texts.map(({ body }, at) => {
      const span = spans[at];
      return splitText(body, span?.ok === true ? span.value : undefined, { size, overlap }, createPacer(signal));
    }),
  );
  const wanted = divided.flatMap((of, at) => of.map(({ text }, no) => ({ place: `${texts[at]?.id}/${no}`, text })));
  const unique = [...new Set(wanted.map(({ text }) => text))];
  const outcomes = await model.embed(unique, signal);
  const vectors = new Map(
    unique.map((text, at) => {
      const outcome = outcomes[at];
      return [text, outcome?.ok === true ? `${[...outcome.value]}` : 'none'];
    }),
  );
  const { rows: found } = await pool.query<{ place: string; chunk: string; embedding: number[] | null }>(
    `select id || '/' || chunk_no as place, chunk, embedding from ${chunks}`,
  );
  const stands = new Map(found.map((row) => [row.place, row]));
  const faults = wanted.flatMap(({ place, text }) => {
    const row = stands.get(place);
    stands.delete(place);
    if (row === undefined) return `${place} is missing`;
    if (row.chunk !== text) return `${place} is of another text`;
    const vector = row.embedding === null ? 'null' : `${row.embedding.map(Math.fround)}`;
    return vector === vectors.get(text) ? [] : `${place} has another vector`;
  });
  return [...faults, ...[...stands.keys()].map((place) => `${place} is left over`)];
}
