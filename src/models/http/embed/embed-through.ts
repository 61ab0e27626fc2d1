import { Buffer } from 'node:buffer';
import type { ModelMethod } from '../../define-model.ts';
import { answerBatch, type BatchReply } from '../batch/answer-batch.ts';
import { createBatchBudget, type RequestBudget } from '../batch/batch-budget.ts';
import type { ItemQuarantine } from '../batch/item-quarantine.ts';
import { createCallWork } from '../transport/call-work.ts';
import type { Asking, HttpClient } from '../transport/http-client.ts';
import { garbled, type HttpProblem } from '../transport/problem.ts';
import { type DimensionGuard, readVector } from './read-vectors.ts';
import { shareTokens } from './share-tokens.ts';

const TIMEOUT_BASE_MS = 60_000;
const TIMEOUT_PER_ITEM_MS = 1_000;
/** A text that every model can embed. */
const CANARY = ['Hello'];

/** How one API asks for vectors and gives them. */
export interface EmbeddingApi {
  requestOf(texts: readonly string[]): { readonly url: URL; readonly body: unknown };
  /** The vectors as they came, in the order asked; undefined when they are not one for each of `count`. */
  vectorsOf(answer: unknown, count: number): readonly unknown[] | undefined;
  /** Tokens that the request took, where the server tells. */
  tokensOf(answer: unknown): number | undefined;
  /** Learns from a refusal; true when the next request will be another one, so that it is worth sending again. */
  adapt?(problem: HttpProblem): boolean;
}

export interface EmbeddingLine {
  readonly client: HttpClient;
  readonly budget: RequestBudget;
  readonly quarantine: ItemQuarantine;
  readonly guard: DimensionGuard;
}

/** The embed method of a model whose server speaks that API. A request has 60 s, and 1 s more for each text, if the caller has as long. */
export function embedThrough(line: EmbeddingLine, api: EmbeddingApi): ModelMethod<string, Float32Array> {
  const { client, quarantine, guard } = line;
  const budget = createBatchBudget(line.budget);

  async function send(
    texts: readonly string[],
    asking: Asking,
    signal: AbortSignal,
  ): Promise<BatchReply<Float32Array>> {
    const ownMs = TIMEOUT_BASE_MS + TIMEOUT_PER_ITEM_MS * texts.length;
    const timeoutMs = asking.work?.boundMs(ownMs) ?? ownMs;
    const canary = api.requestOf(CANARY).body;
    const reply = await client.send({ ...api.requestOf(texts), timeoutMs, canary, ...asking }, signal);
    if (!reply.ok) {
      return api.adapt?.(reply.problem) === true ? send(texts, asking, signal) : { ok: false, problem: reply.problem };
    }
    const vectors = api.vectorsOf(reply.value, texts.length);
    if (vectors === undefined) {
      const problem = garbled(client.endpoint, `did not give one vector for each of ${texts.length} texts`);
      return { ok: false, problem };
    }
    const shares = shareTokens(api.tokensOf(reply.value), texts);
    return {
      ok: true,
      outcomes: vectors.map((vector, at) => {
        const outcome = readVector(vector, guard);
        const tokens = shares?.[at];
        return outcome.ok && tokens !== undefined ? { ...outcome, tokens } : outcome;
      }),
    };
  }

  return {
    maxBatch: line.budget.maxItems,
    run(texts, signal, progress) {
      const work = createCallWork(texts.length, client.clock, progress);
      return answerBatch(texts, {
        budget,
        quarantine,
        bytesOf: (text) => Buffer.byteLength(text),
        keyOf: (text) => text,
        send: (part, asking) => send(part, { ...asking, work }, signal),
      });
    },
  };
}
