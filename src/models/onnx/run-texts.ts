import type { Graph, GraphOutput } from './graph.ts';
import type { GraphResult } from './graph-signature.ts';
import { planBatches } from './plan-batches.ts';
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

/**
 * A result for each text, in order, from batches of at most `batchTokens` tokens with padding (0: one by one). A batch that fails is run
 * again text by text, so that only the one to blame has an error.
 *
 * @throws What `checkpoint` throws; it is called before every batch.
 */
export async function runTexts(
  texts: readonly EncodedText[],
  runBatch: RunBatch,
  batchTokens: number,
  checkpoint: () => void,
): Promise<TextResult[]> {
  const results = new Array<TextResult>(texts.length);
  const run = async (positions: readonly number[]): Promise<Error | undefined> => {
    checkpoint();
    try {
      const given = await runBatch(positions.flatMap((position) => texts[position] ?? []));
      positions.forEach((position, at) => {
        results[position] = given[at] ?? new Error('The graph gave too few results');
      });
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  };
  const lengths = texts.map(({ ids }) => ids.length);
  for (const batch of planBatches(lengths, batchTokens)) {
    let failure = await run(batch);
    if (failure === undefined) continue;
    for (const position of batch) {
      if (batch.length > 1) failure = await run([position]);
      if (failure !== undefined) results[position] = failure;
    }
  }
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
