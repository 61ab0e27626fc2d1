import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { EngineSetup } from './engine-setup.ts';
import {
  type GraphResult,
  type GraphSignature,
  type InputName,
  readSignature,
  type TokenPooling,
} from './graph-signature.ts';
import type { EncodedText } from './text-encoder.ts';

/** The L2-normalised vector of a text, or the one logit of a pair; an error for what could not be computed. */
export type TextResult = Float32Array | Error;

/** Runs one batch and reads what it gave, one result per text; rejects when the graph cannot run the batch. */
export type RunBatch = (texts: readonly EncodedText[]) => Promise<TextResult[]>;

/** What a run gave: `width` values per text, of which those behind a text's own tokens mean nothing. */
interface GraphOutput {
  readonly values: Float32Array;
  /** The last dimension: of a token's state, of a vector, or 1. */
  readonly width: number;
}

/** An opened ONNX file. */
export interface Graph {
  readonly signature: GraphSignature;
  /** Runs all texts at once, padded to the longest; blocks the process. */
  readonly run: RunBatch;
}

/**
 * Opens the weights.
 *
 * @throws Error for a missing package, a file that is not a model, or a graph that does not serve the task.
 */
export async function openGraph(setup: EngineSetup): Promise<Graph> {
  const { weightsPath, threads, task, padTokenId } = setup;
  const engine = await import('onnxruntime-node');
  const session = await openSession(weightsPath, threads);
  const signature = readSignature(session, task);
  return {
    signature,
    async run(texts) {
      const length = signature.fixedLength ?? Math.max(...texts.map(({ ids }) => ids.length));
      const feeds: Record<string, Tensor> = {};
      for (const { name, type } of signature.inputs) {
        const dims = [texts.length, length];
        feeds[name] =
          type === 'int64'
            ? new engine.Tensor('int64', fillBig(texts, length, name, padTokenId), dims)
            : new engine.Tensor('int32', fillSmall(texts, length, name, padTokenId), dims);
      }
      const output = await runGraph(session, feeds, signature.output.name);
      if (!(output.data instanceof Float32Array)) throw new Error('The graph gave something other than float32 values');
      const width = output.dims.at(-1) ?? 0;
      const stride = output.data.length / texts.length;
      const perText = signature.output.kind === 'tokens' ? length * width : width;
      if (output.dims[0] !== texts.length || stride !== perText) {
        throw new Error(`The graph gave values of shape ${output.dims.join(' x ')} for ${texts.length} texts`);
      }
      const given = { values: output.data, width };
      return texts.map(({ ids }, at) => readResult(signature.output, given, at * stride, ids.length));
    },
  };
}

/**
 * Opens a graph on the processor.
 *
 * @throws Error for a missing package and a file that is no graph.
 */
export async function openSession(weightsPath: string, threads: number): Promise<InferenceSession> {
  const engine = await import('onnxruntime-node');
  return engine.InferenceSession.create(weightsPath, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // The arena keeps the most that any batch ever needed; without it the same throughput was measured.
    enableCpuMemArena: false,
    // What fails is thrown; nothing but that is for people to read.
    logSeverityLevel: 4,
  });
}

/** One output of a run; blocks the process. */
export async function runGraph(
  session: InferenceSession,
  feeds: Readonly<Record<string, Tensor>>,
  name: string,
): Promise<Tensor> {
  const output = (await session.run(feeds, [name]))[name];
  if (output === undefined || !('data' in output)) throw new Error(`The graph gave no output "${name}"`);
  return output as Tensor;
}

function fillBig(texts: readonly EncodedText[], length: number, name: InputName, padTokenId: number): BigInt64Array {
  const values = new BigInt64Array(texts.length * length);
  fill(texts, length, name, padTokenId, (at, value) => {
    values[at] = BigInt(value);
  });
  return values;
}

function fillSmall(texts: readonly EncodedText[], length: number, name: InputName, padTokenId: number): Int32Array {
  const values = new Int32Array(texts.length * length);
  fill(texts, length, name, padTokenId, (at, value) => {
    values[at] = value;
  });
  return values;
}

/** Sets every place that is not 0. */
function fill(
  texts: readonly EncodedText[],
  length: number,
  name: InputName,
  padTokenId: number,
  set: (at: number, value: number) => void,
): void {
  texts.forEach(({ ids, typeIds }, text) => {
    const start = text * length;
    for (let at = 0; at < length; at += 1) {
      if (name === 'input_ids') set(start + at, ids[at] ?? padTokenId);
      else if (name === 'position_ids') set(start + at, at);
      else if (at < ids.length) set(start + at, name === 'attention_mask' ? 1 : (typeIds[at] ?? 0));
    }
  });
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

/**
 * The vector of a text from the hidden states of its own tokens, `tokenCount` rows of `dimensions` values that begin at `offset`; padding
 * behind them is never read, so it cannot change a bit.
 */
export function poolTokens(
  states: Float32Array,
  offset: number,
  tokenCount: number,
  dimensions: number,
  pooling: TokenPooling,
): Float64Array {
  switch (pooling) {
    case 'cls':
      return rowAt(states, offset, dimensions);
    case 'last':
      return rowAt(states, offset + (tokenCount - 1) * dimensions, dimensions);
    case 'mean': {
      const sums = new Float64Array(dimensions);
      for (let token = 0; token < tokenCount; token += 1) {
        const start = offset + token * dimensions;
        for (let at = 0; at < dimensions; at += 1) sums[at] = (sums[at] ?? 0) + (states[start + at] ?? Number.NaN);
      }
      // Not divided by the count: only the direction is kept.
      return sums;
    }
  }
}

/** The vector brought to length 1; undefined for one without a length or with a value that is not finite. */
export function normalise(vector: Float64Array): Float32Array | undefined {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const norm = Math.sqrt(squares);
  return norm > 0 && Number.isFinite(norm) ? Float32Array.from(vector, (value) => value / norm) : undefined;
}

function rowAt(values: Float32Array, offset: number, dimensions: number): Float64Array {
  return Float64Array.from(values.subarray(offset, offset + dimensions));
}
