import { Buffer } from 'node:buffer';
import type { ModelMethod } from '../../define-model.ts';
import { type ItemFailure, type ItemOutcome, invalid, type ModelError, succeeded } from '../../outcome.ts';
import type { RerankItem } from '../../port.ts';
import { answerBatch, type BatchReply } from '../batch/answer-batch.ts';
import { type BatchBudget, createBatchBudget, type RequestBudget } from '../batch/batch-budget.ts';
import type { ItemQuarantine } from '../batch/item-quarantine.ts';
import type { Endpoint } from '../endpoint.ts';
import { type CallWork, createCallWork } from '../transport/call-work.ts';
import type { Asking, HttpClient } from '../transport/http-client.ts';
import { isAboutModel, shownPath } from '../transport/missing.ts';
import { garbled, type HttpProblem } from '../transport/problem.ts';
import {
  isBeyondProbability,
  type RerankApi,
  readScores,
  SCALE_QUESTION,
  type ScoreScale,
  toProbability,
} from './rerank-api.ts';

const TIMEOUT_BASE_MS = 60_000;
const TIMEOUT_PER_DOCUMENT_MS = 1_000;
/** Requests of one call, each sent for itself. */
const MAX_BATCH = 8;

interface RerankLine {
  readonly client: HttpClient;
  readonly model: string;
  readonly budget: RequestBudget;
  readonly quarantine: ItemQuarantine;
  /** Ways to ask, in the order to try them; asked for once per call until one is found to work. */
  apis(signal: AbortSignal): Promise<readonly RerankApi[]>;
  /** The scale that the server documents; undefined to find out. */
  readonly scale: ScoreScale | undefined;
}

/**
 * The rerank method of a model on a server. A request has 60 s, and 1 s more for each document, if the caller has as long.
 *
 * Scores from 0 to 1 are taken as they are; logits go through a sigmoid. Which of the two a model gives is found out by one
 * question with a known answer before its first request, and by any later score outside 0 to 1.
 */
export function rerankThrough(line: RerankLine): ModelMethod<RerankItem, readonly number[]> {
  const { client, model, quarantine } = line;
  const budget = createBatchBudget(line.budget);
  let { scale } = line;
  let hasAskedScale = scale !== undefined;
  let working: RerankApi | undefined;

  async function sendOnce(
    query: string,
    documents: readonly string[],
    asking: Asking,
    signal: AbortSignal,
  ): Promise<BatchReply<number>> {
    const apis = working === undefined ? await line.apis(signal) : [working];
    let reply: BatchReply<number> | undefined;
    for (const api of apis) {
      const ownMs = TIMEOUT_BASE_MS + TIMEOUT_PER_DOCUMENT_MS * documents.length;
      const timeoutMs = asking.work?.boundMs(ownMs) ?? ownMs;
      const body = api.bodyOf(query, documents);
      const canary = api.bodyOf(SCALE_QUESTION.query, SCALE_QUESTION.documents);
      const answer = await client.send({ url: api.url, body, canary, timeoutMs, ...asking }, signal);
      if (answer.ok) {
        working = api;
        const scores = readScores(answer.value, documents.length);
        const what = `did not give one score for each of ${documents.length} documents`;
        if (scores === undefined) return { ok: false, problem: garbled(client.endpoint, what) };
        return { ok: true, outcomes: scores.map((score) => succeeded(score)) };
      }
      // The first refusal of an address that exists says more than the 404 of the others.
      if (reply === undefined || answer.problem.kind !== 'missing') reply = answer;
      if (answer.problem.kind !== 'missing') break;
    }
    if (reply?.ok === false && reply.problem.kind === 'missing' && working === undefined) {
      const error = lackOfRerank(client, reply.problem, apis);
      if (error !== undefined) return { ok: false, problem: { ...reply.problem, error } };
    }
    return reply ?? { ok: false, problem: garbled(client.endpoint, 'has no way to rerank') };
  }

  async function askScale(work: CallWork, signal: AbortSignal): Promise<void> {
    const reply = await sendOnce(SCALE_QUESTION.query, SCALE_QUESTION.documents, { isProbe: true, work }, signal);
    if (!reply.ok) return;
    hasAskedScale = true;
    if (isBeyondProbability(reply.outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : [])))) scale = 'logit';
  }

  async function answer(
    { query, documents }: RerankItem,
    work: CallWork,
    signal: AbortSignal,
  ): Promise<ItemOutcome<readonly number[]>> {
    const outcomes = await answerDocuments(budget, quarantine, query, documents, (part, asking) =>
      sendOnce(query, part, { ...asking, work }, signal),
    );
    const scores: number[] = [];
    // What is said of every document is not about one of them.
    const messages = new Set(outcomes.map((outcome) => (outcome.ok ? undefined : outcome.error.message)));
    for (const [index, outcome] of outcomes.entries()) {
      if (!outcome.ok) return explain(outcome, index, messages.size === 1 ? 1 : documents.length, model);
      scores.push(outcome.value);
    }
    if (isBeyondProbability(scores)) {
      if (line.scale === 'probability') return invalidScale(client);
      scale = 'logit';
    }
    return succeeded(scores.map((score) => toProbability(score, scale ?? 'probability')));
  }

  return {
    maxBatch: MAX_BATCH,
    async run(items, signal, progress) {
      const work = createCallWork(items.length, client.clock, progress);
      if (!hasAskedScale) await work.wait(() => askScale(work, signal));
      return Promise.all(items.map((item) => answer(item, work, signal)));
    },
  };
}

function answerDocuments(
  budget: BatchBudget,
  quarantine: ItemQuarantine,
  query: string,
  documents: readonly string[],
  send: (part: readonly string[], asking: Asking) => Promise<BatchReply<number>>,
): Promise<ItemOutcome<number>[]> {
  return answerBatch(documents, {
    budget,
    quarantine,
    bytesOf: (document) => Buffer.byteLength(document),
    keyOf: (document) => `${query}\n${document}`,
    send,
  });
}

function explain(failure: ItemFailure, index: number, count: number, model: string): ItemFailure {
  const { error } = failure;
  if (error.kind === 'failed') return failure;
  if (error.kind === 'invalid' && count > 1) return invalid(`Document ${index + 1} of ${count}: ${error.message}`);
  return error.kind === 'invalid' ? invalid(`Model "${model}": ${error.message}`) : failure;
}

function invalidScale(client: HttpClient): ItemFailure {
  const { error } = garbled(client.endpoint, 'gave a score that is not from 0 to 1');
  return { ok: false, error };
}

/** A server that is slower than this to say that it has no such address is thought to have it. */
const PROBE_TIMEOUT_MS = 3_000;

/**
 * What is told of every request when the last of a server's addresses for scores is missing too: the server does not rerank.
 * Undefined where it speaks of the model instead.
 */
function lackOfRerank(
  { endpoint }: { readonly endpoint: Endpoint },
  problem: HttpProblem,
  apis: readonly RerankApi[],
): ModelError | undefined {
  if (isAboutModel(problem)) return undefined;
  const said = problem.words === '' ? '' : `: ${problem.words}`;
  const where = apis.map(({ url }) => shownPath(endpoint, url)).join(', ');
  return {
    kind: 'invalid',
    message: `${endpoint.label} does not rerank: it answered ${problem.status}${said} (at ${where})`,
  };
}

/** Why a server does not rerank, as a sentence, where each address says that it is not there; else undefined, and it may. */
export async function findLackOfRerank(
  client: HttpClient,
  apis: readonly RerankApi[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const { query, documents } = SCALE_QUESTION;
  let lack: ModelError | undefined;
  for (const api of apis) {
    const question = { url: api.url, body: api.bodyOf(query, documents), timeoutMs: PROBE_TIMEOUT_MS, isProbe: true };
    const reply = await client.send(question, signal);
    if (reply.ok || reply.problem.kind !== 'missing') return undefined;
    // The first says most: the others are guesses.
    lack ??= lackOfRerank(client, reply.problem, apis);
    if (lack === undefined) return undefined;
  }
  return lack?.message;
}
