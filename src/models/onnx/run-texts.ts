import { messageOf } from '../../core/errors.ts';
import type { EngineCall } from '../engine/serve-engine.ts';
import { failed, type ItemOutcome, invalid, succeeded } from '../outcome.ts';
import type { RerankItem } from '../port.ts';
import type { RunBatch, TextResult } from './graph.ts';
import type { EncodedText } from './text-encoder.ts';

/** Told of the texts at these positions. */
interface TextsListener {
  /** Called before these are run. What it throws ends the whole. */
  working(positions: readonly number[]): Promise<void>;
  /** Called after each text, once. */
  done(position: number, result: TextResult): void;
  /** Called between texts that are run one by one. What it throws ends the whole. */
  breathe(): Promise<void>;
}

/** How many tokens, padding included, go together. */
export interface Portions {
  /** Into one run of the graph; 0: texts one by one. */
  readonly batchTokens: number;
  /** What a run of the graph costs beside its tokens, in tokens. */
  readonly runCost: number;
  /** Into one {@link TextsListener.working}, of texts that are run one by one. */
  readonly saidTokens: number;
}

/**
 * Gives `listener` a result for each text, from batches with padding or one by one. A batch that fails is run again text by text, so that
 * only the one to blame has an error.
 */
export async function runTexts(
  texts: readonly EncodedText[],
  runBatch: RunBatch,
  { batchTokens, runCost, saidTokens }: Portions,
  listener: TextsListener,
): Promise<void> {
  const run = async (positions: readonly number[]): Promise<TextResult[] | Error> => {
    try {
      return await runBatch(positions.flatMap((position) => texts[position] ?? []));
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  };
  const finish = (positions: readonly number[], results: TextResult[] | Error) => {
    for (const [at, position] of positions.entries()) {
      const result = results instanceof Error ? results : results[at];
      listener.done(position, result ?? new Error('The graph gave too few results'));
    }
  };
  const lengths = texts.map(({ ids }) => ids.length);
  if (batchTokens === 0) {
    for (const portion of planBatches(lengths, saidTokens, FEWEST_BATCHES)) {
      await listener.working(portion);
      for (const position of portion) {
        finish([position], await run([position]));
        await listener.breathe();
      }
    }
    return;
  }
  for (const batch of planBatches(lengths, batchTokens, runCost)) {
    await listener.working(batch);
    const results = await run(batch);
    if (results instanceof Error && batch.length > 1) {
      for (const position of batch) {
        await listener.working([position]);
        finish([position], await run([position]));
      }
    } else {
      finish(batch, results);
    }
  }
}

/** The results of {@link runTexts} where nobody listens, in order; from as few batches as hold the texts. */
export async function collectResults(
  texts: readonly EncodedText[],
  runBatch: RunBatch,
  batchTokens: number,
): Promise<TextResult[]> {
  const results = new Array<TextResult>(texts.length);
  const done = (position: number, result: TextResult) => {
    results[position] = result;
  };
  const nothing = async () => undefined;
  await runTexts(
    texts,
    runBatch,
    { batchTokens, runCost: FEWEST_BATCHES, saidTokens: 0 },
    { working: nothing, breathe: nothing, done },
  );
  return results;
}

/** A text or a pair of a call, and the item that it belongs to. */
export interface CallText {
  readonly item: number;
  /** Which of the item's, where it has several. */
  readonly at?: number;
  readonly encode: () => EncodedText;
}

/** Takes the vector, or the logit, of a text. */
export type TextDone = (text: CallText, outcome: ItemOutcome<Float32Array>) => void;

/** Runs the texts of a call in batches, each as soon as those before it are done, and says which items are at work. */
export async function answerTexts(
  texts: readonly CallText[],
  runBatch: RunBatch,
  portions: Portions,
  call: EngineCall,
  done: TextDone,
): Promise<void> {
  const itemsOf = (some: readonly CallText[]) => [...new Set(some.map(({ item }) => item))];
  await call.working(itemsOf(texts));
  const readable: CallText[] = [];
  const encoded: EncodedText[] = [];
  for (const text of texts) {
    await call.breathe();
    const outcome = tokenise(text.encode);
    if (outcome.ok) encoded.push(outcome.value);
    if (outcome.ok) readable.push(text);
    else done(text, outcome);
  }
  await runTexts(encoded, runBatch, portions, {
    working: (positions) => call.working(itemsOf(positions.flatMap((position) => readable[position] ?? []))),
    breathe: () => call.breathe(),
    done(position, result) {
      const text = readable[position];
      const { ids = [], isTruncated = false } = encoded[position] ?? {};
      if (text === undefined) return;
      if (result instanceof Error) done(text, failed(`The model failed: ${messageOf(result)}`));
      else done(text, succeeded(result, { tokens: ids.length, isTruncated }));
    },
  });
}

/** Takes the logits of an item's documents, and ends the item with all its scores, or with its first failure, once the last has come. */
export function scoreKeeper(
  { documents }: RerankItem,
  end: (outcome: ItemOutcome<readonly number[]>) => void,
): (at: number, logit: ItemOutcome<Float32Array>) => void {
  const scores = new Array<number>(documents.length);
  let left = documents.length;
  let failure: ItemOutcome<never> | undefined;
  return (at, logit) => {
    if (logit.ok) scores[at] = 1 / (1 + Math.exp(-(logit.value[0] ?? Number.NaN)));
    else failure ??= logit;
    left -= 1;
    if (left === 0) end(failure ?? succeeded(scores));
  };
}

function tokenise(encode: () => EncodedText): ItemOutcome<EncodedText> {
  try {
    return succeeded(encode());
  } catch (error) {
    return invalid(`The text could not be split into tokens: ${messageOf(error)}`);
  }
}

/** The `batchCost` of {@link planBatches} where nothing counts but the number of batches. */
export const FEWEST_BATCHES = 1_000_000_000;

/**
 * Groups texts of the given lengths into batches of at most `budget` tokens with padding, shortest first; each is in exactly one batch, and
 * one that is longer than the budget is alone. Of all such groupings it is the one with the fewest tokens, where padding counts and each
 * batch counts `batchCost` tokens more: few texts of very different lengths are then not filled up to the longest, and texts of one length
 * stay together.
 *
 * @returns Positions in `lengths`.
 */
export function planBatches(lengths: readonly number[], budget: number, batchCost: number): number[][] {
  const sorted = lengths.map((length, position) => ({ length, position })).sort((a, b) => a.length - b.length);
  /** What the texts before a place cost at best, and where the last of their batches begins then. */
  const costs = [0];
  const starts = [0];
  for (const [last, { length }] of sorted.entries()) {
    let [cost, start] = [Number.POSITIVE_INFINITY, last];
    for (let first = last; first >= 0; first -= 1) {
      const tokens = (last + 1 - first) * length;
      if (tokens > budget && first < last) break;
      const sum = (costs[first] ?? 0) + batchCost + tokens;
      // Of equal ones the larger batch.
      if (sum <= cost) [cost, start] = [sum, first];
    }
    costs.push(cost);
    starts.push(start);
  }
  const batches: number[][] = [];
  for (let end = sorted.length; end > 0; end = starts[end] ?? 0) {
    batches.push(sorted.slice(starts[end] ?? 0, end).map(({ position }) => position));
  }
  return batches.reverse();
}
