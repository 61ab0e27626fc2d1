import type { LlamaModel, LlamaRankingContext, Token } from 'node-llama-cpp';
import { LamplighterError } from '../../../core/errors.ts';
import { type ItemOutcome, succeeded } from '../../outcome.ts';
import type { RerankItem } from '../../port.ts';
import { firstTokens, type SpecialTokens, specialTokensOf } from '../count-tokens.ts';
import type { LlamaEngine } from '../llama-engine.ts';

/** Scores the documents of one item; rejects only when it is aborted or the engine fails. */
export type DocumentScorer = (item: RerankItem, signal: AbortSignal) => Promise<ItemOutcome<readonly number[]>>;

export interface DocumentRankerOptions {
  /** Most tokens of query and document together, special ones included. */
  readonly maxTokens: number;
  /** The prompt with `{query}` and `{document}`; undefined for models that take the two with special tokens between. */
  readonly template: string | undefined;
}

/** Lets the engine take tokens as they are: what is around query and document is put there by us, which also cuts them. */
export const BARE_TEMPLATE = '{{query}}{{document}}';

/**
 * Scores from the model's own head, sigmoid of its logit.
 *
 * A query takes at most half of the room, and a document what is left. `seed` changes nothing.
 *
 * @throws LamplighterError MODEL_FAILED for a template without query or document.
 */
export function createDocumentRanker(
  { turns, module }: LlamaEngine,
  model: LlamaModel,
  context: LlamaRankingContext,
  { maxTokens, template }: DocumentRankerOptions,
): DocumentScorer {
  const special = specialTokensOf(module, model);
  const frame = template === undefined ? undefined : readFrame(template);
  return async ({ query, documents, task }, signal) => {
    const { head, middle, tail } = frame === undefined ? plainParts(special) : framedParts(model, special, frame, task);
    const room = maxTokens - head.length - middle.length - tail.length;
    const queryTokens = await firstTokens(model, query, Math.ceil(room / 2), signal);
    const scores: number[] = [];
    for (const document of documents) {
      const documentTokens = await firstTokens(model, document, room - queryTokens.length, signal);
      signal.throwIfAborted();
      const first = [...head, ...queryTokens, ...middle];
      const second = [...documentTokens, ...tail];
      scores.push(await turns.run(() => context.rank(first, second)));
    }
    return succeeded(scores);
  };
}

interface Frame {
  readonly before: string;
  readonly between: string;
  readonly after: string;
}

interface Parts {
  readonly head: readonly Token[];
  readonly middle: readonly Token[];
  readonly tail: readonly Token[];
}

function readFrame(template: string): Frame {
  const [before, rest = '', ...more] = template.split('{query}');
  const [between, after, ...others] = rest.split('{document}');
  if (before === undefined || between === undefined || after === undefined || more.length + others.length > 0) {
    throw new LamplighterError('MODEL_FAILED', "The model's rerank template does not say query and document once each");
  }
  return { before, between, after };
}

function plainParts({ opening, between, closing }: SpecialTokens): Parts {
  return { head: opening, middle: between, tail: closing.length > 0 ? closing : between.slice(0, 1) };
}

/** The instruction that a template carries gives way to the request's task. */
function framedParts(model: LlamaModel, { opening, closing }: SpecialTokens, frame: Frame, task: string): Parts {
  const read = (text: string) => model.tokenize(text, true, 'trimLeadingSpace');
  const [before, after] = frame.before.split(/(?<=<Instruct>: ).*/);
  const head =
    after === undefined ? read(frame.before) : [...read(before ?? ''), ...model.tokenize(task), ...read(after)];
  return {
    head: startsWith(head, opening) ? head : [...opening, ...head],
    middle: read(frame.between),
    tail: [...read(frame.after), ...closing],
  };
}

function startsWith(tokens: readonly Token[], opening: readonly Token[]): boolean {
  return opening.every((token, at) => tokens[at] === token);
}
