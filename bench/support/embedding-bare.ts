import { readFile } from 'node:fs/promises';
import { Tokenizer } from '@huggingface/tokenizers';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** How a loop over texts forms its batches. */
export type BatchRule = 'sorted' | 'as-they-come' | 'one-by-one';

export interface BareModel {
  readonly folder: string;
  readonly weights: string;
  readonly pooling: 'mean' | 'cls';
  readonly maxTokens: number;
}

/** The engine alone, as somebody would call it who does nothing but embed: no thread, no checks, no port. */
export interface BareEngine {
  /** One vector per text, in any order. */
  embed(texts: readonly string[], rule: BatchRule): Promise<Float32Array[]>;
  close(): Promise<void>;
}

const BATCH_TOKENS = 1_024;
const AS_THEY_COME = 32;

/** Opens a model with the same options as the runtime under test. */
export async function openBareEngine(model: BareModel, threads: number): Promise<BareEngine> {
  const tokenizer = new Tokenizer(JSON.parse(await readFile(`${model.folder}/tokenizer.json`, 'utf8')), {});
  const session = await InferenceSession.create(`${model.folder}/${model.weights}`, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    enableCpuMemArena: false,
    logSeverityLevel: 4,
  });
  const [output = ''] = session.outputNames;
  const encode = (text: string) => {
    const { ids } = tokenizer.encode(text);
    return ids.length <= model.maxTokens ? ids : [...ids.slice(0, model.maxTokens - 1), ...ids.slice(-1)];
  };

  async function run(batch: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const length = Math.max(...batch.map((ids) => ids.length));
    const size = batch.length * length;
    const [ids, mask] = [new BigInt64Array(size), new BigInt64Array(size)];
    batch.forEach((row, at) => {
      row.forEach((id, place) => {
        ids[at * length + place] = BigInt(id);
        mask[at * length + place] = 1n;
      });
    });
    const tensor = (data: BigInt64Array) => new Tensor('int64', data, [batch.length, length]);
    const feeds = {
      input_ids: tensor(ids),
      attention_mask: tensor(mask),
      token_type_ids: tensor(new BigInt64Array(size)),
    };
    const states = (await session.run(feeds, [output]))[output];
    if (states === undefined || !(states.data instanceof Float32Array))
      throw new Error('the graph gave no float32 values');
    const { data } = states;
    const dimensions = states.dims[2] ?? 0;
    return batch.map((row, at) =>
      pool(data, at * length * dimensions, model.pooling === 'cls' ? 1 : row.length, dimensions),
    );
  }

  return {
    async embed(texts, rule) {
      const rows = texts.map(encode);
      const vectors: Float32Array[] = [];
      for (const batch of batchesOf(rows, rule)) vectors.push(...(await run(batch)));
      return vectors;
    },
    close: () => session.release(),
  };
}

function batchesOf<T extends { readonly length: number }>(rows: readonly T[], rule: BatchRule): T[][] {
  const ordered = rule === 'sorted' ? [...rows].sort((a, b) => a.length - b.length) : rows;
  const batches: T[][] = [];
  let batch: T[] = [];
  const isFull = (next: T) => {
    if (rule === 'one-by-one') return batch.length === 1;
    return rule === 'sorted' ? (batch.length + 1) * next.length > BATCH_TOKENS : batch.length === AS_THEY_COME;
  };
  for (const row of ordered) {
    if (batch.length > 0 && isFull(row)) {
      batches.push(batch);
      batch = [];
    }
    batch.push(row);
  }
  return batch.length > 0 ? [...batches, batch] : batches;
}

/** The mean of the first tokens' states, of length 1. */
function pool(states: Float32Array, offset: number, tokens: number, dimensions: number): Float32Array {
  const sums = new Float64Array(dimensions);
  for (let token = 0; token < tokens; token += 1) {
    const start = offset + token * dimensions;
    for (let at = 0; at < dimensions; at += 1) sums[at] = (sums[at] ?? 0) + (states[start + at] ?? 0);
  }
  const norm = Math.sqrt(sums.reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from(sums, (value) => value / norm);
}
