import { Buffer } from 'node:buffer';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelSpec } from '../../files/model-files.ts';
import { createGgufFactsReader, type GgufFacts } from './gguf-facts.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lamplighter-facts-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.concat([uint64(Buffer.byteLength(value)), Buffer.from(value)]);
}

/** Texts as texts, numbers as uint32, lists as lists of texts. */
function entry(key: string, value: string | number | readonly string[]): Buffer {
  if (typeof value === 'string') return Buffer.concat([text(key), uint32(8), text(value)]);
  if (typeof value === 'number') return Buffer.concat([text(key), uint32(4), uint32(value)]);
  return Buffer.concat([text(key), uint32(9), uint32(8), uint64(value.length), ...value.map(text)]);
}

type Entries = Readonly<Record<string, string | number | readonly string[]>>;

async function factsOf(entries: Entries, functions?: ModelSpec['functions']): Promise<GgufFacts> {
  const path = join(folder, 'model.gguf');
  const parts = Object.entries(entries).map(([key, value]) => entry(key, value));
  const tensor = Buffer.concat([text('a'), uint32(1), uint64(4), uint32(0), uint64(0)]);
  const head = [Buffer.from('GGUF'), uint32(3), uint64(1), uint64(parts.length)];
  await writeFile(path, Buffer.concat([...head, ...parts, tensor, Buffer.alloc(64)]));
  // What a test gives of a card is all that is asked of it.
  const spec = functions === undefined ? undefined : ({ functions } as ModelSpec);
  return createGgufFactsReader()(path, spec);
}

const QWEN: Entries = {
  'general.architecture': 'qwen3',
  'qwen3.context_length': 40_960,
  'qwen3.embedding_length': 1_024,
};

describe('a GGUF file', () => {
  it('says what it is, past long lists', async () => {
    const tokens = Array.from({ length: 50_000 }, (_, at) => `token ${at}`);
    const facts = await factsOf({
      'tokenizer.ggml.tokens': tokens,
      ...QWEN,
      'general.name': 'Qwen3 0.6B',
      'tokenizer.chat_template': '{{ messages }}',
    });
    expect(facts).toEqual({
      duty: 'generate',
      embeddingLength: 1_024,
      chatTemplate: '{{ messages }}',
      rankTemplate: undefined,
    });
  });

  it.each([
    ['a generator', {}, undefined, 'generate'],
    ['an embedder by its pooling', { 'qwen3.pooling_type': 3 }, undefined, 'embed'],
    ['an embedder by its name', { 'general.name': 'Qwen3 Embedding 0.6B' }, undefined, 'embed'],
    ['an embedder by its card', {}, ['embed'], 'embed'],
    ['a reranker with a head', { 'qwen3.pooling_type': 4 }, undefined, 'rank'],
    ['a reranker that says yes or no, by its name', { 'general.name': 'Qwen3 Reranker 0.6B' }, undefined, 'judge'],
    ['a reranker that says yes or no, by its card', {}, ['rerank'], 'judge'],
    ['a generator by its card, whatever its name', { 'general.name': 'Not a reranker' }, ['generate'], 'generate'],
  ] as const)('is %s', async (_, entries, functions, duty) => {
    expect((await factsOf({ ...QWEN, ...entries }, functions)).duty).toBe(duty);
  });

  it('is an embedder when it only encodes, even without a word on pooling', async () => {
    expect((await factsOf({ 'general.architecture': 'nomic-bert' })).duty).toBe('embed');
  });
});
