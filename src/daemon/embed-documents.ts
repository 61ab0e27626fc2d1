import { splitTexts } from '../embeddings/chunks/split-texts.ts';
import type { EmbeddingRow } from '../embeddings/embedding-batch.ts';
import { type PlannedChunk, planChunks } from '../embeddings/plan-chunks.ts';
import type { ChunkTable } from '../embeddings/table/embedded-table.ts';
import type { DocumentAnswer, RowAnswer } from '../embeddings/write-vectors.ts';
import { type EmbeddedRows, type EmbedRowsOptions, embedRows } from './embed-rows.ts';

/** Vectors of documents that could not be finished, kept for the next try: a few dozen megabytes. */
const MOST_KEPT = 20_000;

/** As {@link EmbeddedRows}, of documents. */
export interface EmbeddedDocuments extends Omit<EmbeddedRows, 'answers'> {
  readonly answers: readonly (RowAnswer | DocumentAnswer)[];
  /** Chunks that the model was asked for. */
  readonly texts: number;
}

export interface DocumentEmbedder {
  /**
   * The chunks of each document, with the vectors of those that have none yet. A document with a chunk that fails has no answer but why; what
   * was made of it is kept for the next try, so that a document of thousands of chunks comes through in the end, whatever the model's
   * outages.
   *
   * @throws the signal's reason, and what `splitTexts` throws.
   */
  embed(rows: readonly EmbeddingRow[], options: EmbedRowsOptions): Promise<EmbeddedDocuments>;
}

export function createDocumentEmbedder({ size, overlap }: ChunkTable): DocumentEmbedder {
  const kept = new Map<string, Float32Array>();

  function keep(digest: string, vector: Float32Array): void {
    kept.set(digest, vector);
    if (kept.size <= MOST_KEPT) return;
    const [oldest] = kept.keys();
    if (oldest !== undefined) kept.delete(oldest);
  }

  return {
    async embed(rows, options) {
      const divided = await splitTexts(
        options.model,
        rows.map(({ text }) => text),
        { size, overlap },
        options.signal,
      );
      const plans = rows.map(({ text, known }, at) => {
        const texts = (divided[at] ?? []).map((chunk) => chunk.text);
        return planChunks(texts.length > 0 ? texts : [text], known);
      });
      const wanted = new Map<string, string>();
      for (const { digest, text, from } of plans.flat()) {
        if (from === undefined && !kept.has(digest)) wanted.set(digest, text);
      }
      const embedded = await embedRows(
        [...wanted.values()].map((text) => ({ text })),
        options,
      );
      const found = new Map([...wanted.keys()].map((digest, at) => [digest, embedded.answers[at]]));
      const answers = plans.map((plan) => answerOf(plan, (digest) => found.get(digest) ?? kept.get(digest)));
      for (const [at, plan] of plans.entries()) {
        const isWhole = 'chunks' in (answers[at] ?? {});
        for (const { digest } of plan) {
          const vector = found.get(digest);
          if (isWhole) kept.delete(digest);
          else if (vector instanceof Float32Array) keep(digest, vector);
        }
      }
      return { ...embedded, answers, texts: wanted.size };
    },
  };
}

function answerOf(
  plan: readonly PlannedChunk[],
  vectorOf: (digest: string) => RowAnswer | undefined,
): RowAnswer | DocumentAnswer {
  const answers = plan.map((chunk) => ({
    chunk,
    answer: chunk.from === undefined ? vectorOf(chunk.digest) : undefined,
  }));
  const refused = answers.flatMap(({ answer }, no) =>
    answer === undefined || answer instanceof Float32Array ? [] : { ...answer, error: `chunk ${no}: ${answer.error}` },
  );
  // One that may come through at another time decides: nothing is charged while the model is away.
  const refusal = refused.find(({ isRow }) => !isRow) ?? refused[0];
  if (refusal !== undefined) return refusal;
  return {
    chunks: answers.map(({ chunk, answer }) => ({
      ...chunk,
      vector: answer instanceof Float32Array ? answer : undefined,
    })),
  };
}
