import type { LlamaContext, LlamaModel, Token } from 'node-llama-cpp';
import { LamplighterError } from '../../../core/errors.ts';
import { succeeded } from '../../outcome.ts';
import { firstTokens, specialTokensOf } from '../count-tokens.ts';
import type { LlamaEngine } from '../llama-engine.ts';
import { feedTokens } from '../take-turns.ts';
import type { DocumentScorer } from './document-ranker.ts';

/** What rerankers that answer yes or no were trained on (Qwen3-Reranker's card). */
const SYSTEM =
  'Judge whether the Document meets the requirements based on the Query and the Instruct provided. Note that the answer can only be "yes" or "no".';
const OPENING = `<|im_start|>system\n${SYSTEM}<|im_end|>\n<|im_start|>user\n<Instruct>: `;
const CLOSING = '<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n';

/**
 * Added to the logits of "yes" and "no" alike, so that these two are the most likely tokens, and their odds are what they were. All others
 * can then be left out: to hand over the chances of 150,000 tokens would hold up the event loop for each document.
 */
const LIFT = { logit: 100 };

/** Longest task in tokens; more is cut off. */
const MAX_TASK_TOKENS = 256;

/**
 * Scores from a generator: the probability of "yes" as the next token, relative to "yes" and "no".
 *
 * A query takes at most half of the context, and a document the rest. `seed` has no effect.
 *
 * @throws LamplighterError MODEL_FAILED when "yes" and "no" are not tokens of the model.
 */
export function createDocumentJudge(
  { turns, module }: LlamaEngine,
  model: LlamaModel,
  context: LlamaContext,
): DocumentScorer {
  const yes = soleToken(model, 'yes');
  const no = soleToken(model, 'no');
  const tokenBias = new module.TokenBias(model.tokenizer).set([yes, no], LIFT);
  const onlyThese = { probabilities: true, options: { temperature: 1, topK: 2, topP: 1, minP: 0, tokenBias } };
  const sequence = context.getSequence();
  const { opening } = specialTokensOf(module, model);
  const before = [...opening, ...model.tokenize(OPENING, true)];
  const beforeQuery = model.tokenize('\n<Query>: ', false, 'trimLeadingSpace');
  const beforeDocument = model.tokenize('\n<Document>: ', false, 'trimLeadingSpace');
  const after = model.tokenize(CLOSING, true);

  async function score(tokens: readonly Token[], signal: AbortSignal): Promise<number> {
    const rest = await feedTokens(sequence, tokens, turns, signal);
    const last = rest.pop();
    if (last === undefined) return 0;
    const outputs = await turns.run(() => sequence.controlledEvaluate([...rest, [last, { generateNext: onlyThese }]]));
    const found = outputs.at(-1)?.next.probabilities;
    const [yesShare, noShare] = [found?.get(yes) ?? 0, found?.get(no) ?? 0];
    // A model that gives neither a chance has not judged: not a number, which no answer may hold.
    return yesShare / (yesShare + noShare);
  }

  return async ({ query, documents, task }, signal) => {
    const taskTokens = await firstTokens(model, task, MAX_TASK_TOKENS, signal);
    const around = before.length + beforeQuery.length + beforeDocument.length + after.length + taskTokens.length;
    const room = context.contextSize - around - 1;
    const queryTokens = await firstTokens(model, query, Math.ceil(room / 2), signal);
    const head = [...before, ...taskTokens, ...beforeQuery, ...queryTokens, ...beforeDocument];
    const scores: number[] = [];
    for (const document of documents) {
      const documentTokens = await firstTokens(model, document, room - queryTokens.length, signal);
      scores.push(await score([...head, ...documentTokens, ...after], signal));
    }
    return succeeded(scores);
  };
}

function soleToken(model: LlamaModel, word: string): Token {
  const [token, ...more] = model.tokenize(word, false, 'trimLeadingSpace');
  if (token !== undefined && more.length === 0) return token;
  throw new LamplighterError('MODEL_FAILED', `"${word}" is no single token of ${model.filename ?? 'the model'}`, {
    hint: 'Only models with a ranking head, and models that answer yes or no, can rerank.',
  });
}
