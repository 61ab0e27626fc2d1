import type { Graph, GraphOutput } from './graph.ts';
import type { GraphResult } from './graph-signature.ts';
import { FEWEST_BATCHES, planBatches } from './plan-batches.ts';
import { normalise, poolTokens } from './pool-vectors.ts';
import type { EncodedText } from './text-encoder.ts';

/** The L2-normalised vector of a text, or the one logit of a pair; an error for what could not be computed. */
export type TextResult = Float32Array | Error;

/** Runs one batch and reads what it gave, one result per text. */
export type RunBatch = (texts: readonly EncodedText[]) => Promise<TextResult[]>;

/** A {@link RunBatch} over a graph; it rejects when the graph cannot run the batch. */
export function batchRunner(graph: Graph): RunBatch {
  return async (texts) => {
    const output = await graph.run(texts);
    return texts.map(({ ids }, at) => readResult(graph.signature.output, output, at * output.stride, ids.length));
  };
}

/** Told of the texts at these positions. */
export interface TextsListener {
  /** Before these are run. What it throws ends the whole. */
  working(positions: readonly number[]): Promise<void>;
  /** After it; each text once. */
  done(position: number, result: TextResult): void;
  /** Between texts that are run one by one. What it throws ends the whole. */
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

function readResult(
  output: GraphResult,
  { values, width }: GraphOutput,
  offset: number,
  tokenCount: number,
): TextResult {
  switch (output.kind) {
    case 'logit':
      return values.slice(offset, offset + 1);
    case 'vector':
      return directionOf(Float64Array.from(values.subarray(offset, offset + width)));
    case 'tokens':
      return directionOf(poolTokens(values, offset, tokenCount, width, output.pooling));
  }
}

function directionOf(vector: Float64Array): TextResult {
  return normalise(vector) ?? new Error('the vector has no direction');
}
