import type { Tensor } from 'onnxruntime-node';
import type { EngineSetup } from './engine-setup.ts';
import { type GraphSignature, type InputName, readSignature } from './graph-signature.ts';
import { openSession, runGraph } from './session.ts';
import type { EncodedText } from './text-encoder.ts';

/** What a run gave: `width` values per text, of which those behind a text's own tokens mean nothing. */
export interface GraphOutput {
  readonly values: Float32Array;
  /** Values from one text to the next. */
  readonly stride: number;
  /** The last dimension: of a token's state, of a vector, or 1. */
  readonly width: number;
}

/** An opened ONNX file. */
export interface Graph {
  readonly signature: GraphSignature;
  /** Runs all texts at once, padded to the longest; blocks the process. */
  run(texts: readonly EncodedText[]): Promise<GraphOutput>;
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
      return { values: output.data, stride, width };
    },
  };
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
