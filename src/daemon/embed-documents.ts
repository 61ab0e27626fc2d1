import { createPacer } from '../core/pacer.ts';
import type { ChunkOptions } from '../embeddings/chunks/chunk-text.ts';
import { splitText } from '../embeddings/chunks/split-text.ts';
import type { EmbeddingRow } from '../embeddings/embedding-batch.ts';
import { type PlannedChunk, planChunks } from '../embeddings/plan-chunks.ts';
import type { DocumentAnswer, RowAnswer } from '../embeddings/write-vectors.ts';
import { verifyOutcomes } from '../models/answer-requests.ts';
import { failed, type ItemOutcome } from '../models/outcome.ts';
import type { TokenSpans } from '../models/port.ts';
import { untilAborted } from '../models/until-aborted.ts';
import { ABORT_GRACE_MS, askModel, outageOf } from './ask-model.ts';
import { answerOf, type EmbeddedRows, type EmbedRowsOptions, embedRows } from './embed-rows.ts';

/** Vectors of documents that could not be finished, kept for the next try: a few dozen megabytes. */
const MOST_KEPT = 20_000;
const NO_USAGE = { calls: 0, tokens: undefined, truncated: undefined };

/** What became of documents, as {@link EmbeddedRows} of rows. */
export interface EmbeddedDocuments extends Omit<EmbeddedRows, 'answers'> {
  readonly answers: readonly (RowAnswer | DocumentAnswer)[];
  /** Chunks that the model was asked for. */
  readonly texts: number;
}

export interface DocumentEmbedder {
  /**
   * The chunks of each document, with the vectors of those that have none yet. A document with a failed chunk only has the reason; its
   * finished chunks are kept for the next try, so that a document of thousands of chunks succeeds in the end despite outages of the model.
   *
   * @throws the signal's reason.
   */
  embed(rows: readonly EmbeddingRow[], options: EmbedRowsOptions): Promise<EmbeddedDocuments>;
}

export function createDocumentEmbedder({ size, overlap }: ChunkOptions): DocumentEmbedder {
  const kept = new Map<string, Float32Array>();

  function keep(digest: string, vector: Float32Array): void {
    kept.set(digest, vector);
    if (kept.size <= MOST_KEPT) return;
    const [oldest] = kept.keys();
    if (oldest !== undefined) kept.delete(oldest);
  }

  return {
    async embed(rows, options) {
      const { signal, turns } = options;
      const spans = await findTokens(
        rows.map(({ text }) => text),
        options,
      );
      const outage = outageOf(spans);
      if (outage !== undefined) {
        turns.noteUnavailable(new Error(outage.message, { cause: outage.cause }), outage.retryAfterMs);
        return {
          answers: spans.map((span) => answerOf(span.ok ? undefined : span)),
          usage: NO_USAGE,
          outage,
          texts: 0,
        };
      }
      const pacer = createPacer(signal);
      const plans: (readonly PlannedChunk[])[] = [];
      for (const [at, { text, known }] of rows.entries()) {
        const span = spans[at];
        const plan: PlannedChunk[] = [];
        plans.push(plan);
        if (span?.ok === false) continue;
        const chunks = await splitText(text, span?.value, { size, overlap }, pacer);
        const texts = chunks.length > 0 ? chunks.map((chunk) => chunk.text) : [text];
        for (const chunk of planChunks(texts, known)) {
          plan.push(chunk);
          if (pacer.isDue()) await pacer.pause();
        }
      }
      const wanted = new Map<string, string>();
      for (const { digest, text, from } of plans.flat()) {
        if (from === undefined && !kept.has(digest)) wanted.set(digest, text);
      }
      const embedded = await embedRows(
        [...wanted.values()].map((text) => ({ text })),
        options,
      );
      const found = new Map([...wanted.keys()].map((digest, at) => [digest, embedded.answers[at]]));
      const answers = plans.map((plan, at) => {
        const span = spans[at];
        if (span?.ok === false) return answerOf(span);
        return chunksOf(plan, (digest) => found.get(digest) ?? kept.get(digest));
      });
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

/** Where the tokens of each text end; none where the runtime cannot tell. */
async function findTokens(
  texts: readonly string[],
  { model, signal, callLimitMs }: EmbedRowsOptions,
): Promise<readonly ItemOutcome<TokenSpans>[]> {
  const { tokenize } = model;
  if (tokenize === undefined) return [];
  const found = new Map<string, ItemOutcome<TokenSpans>>();
  await askModel<TokenSpans>([...new Set(texts)], {
    ask: async (part, either, progress) =>
      verifyOutcomes(part, await untilAborted(tokenize(part, either, progress), either, ABORT_GRACE_MS), tokensProblem),
    onAnswers(part, outcomes) {
      for (const [at, text] of part.entries()) found.set(text, outcomes[at] ?? failed('The model gave no tokens'));
    },
    signal,
    callLimitMs,
  });
  return texts.map((text) => found.get(text) ?? failed('The model gave no tokens'));
}

function tokensProblem(ends: TokenSpans, text: string): string | undefined {
  const isRising = ends instanceof Uint32Array && ends.every((end, at) => end >= (ends[at - 1] ?? 0));
  return isRising && (ends.at(-1) ?? 0) <= text.length ? undefined : 'The model gave tokens that are not of the text';
}

function chunksOf(
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
