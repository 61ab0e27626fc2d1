import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { LocalModel, ModelFiles } from '../../src/models/files/model-files.ts';
import { createOnnxProvider } from '../../src/models/onnx/onnx-provider.ts';
import type { Model } from '../../src/models/port.ts';
import type { BareModel } from './embedding-bare.ts';

export interface BenchModel extends BareModel {
  readonly name: string;
  /** What the port is compared with: it runs quantised models one text at a time, for the same bits in any company. */
  readonly isBatched: boolean;
}

const WEIGHTS =
  process.env['LAMPLIGHTER_TEST_MODELS'] ?? fileURLToPath(new URL('../../../shared/models', import.meta.url));
const FIXTURE = fileURLToPath(new URL('../../test/models/fixtures/onnx/mean', import.meta.url));

const REAL: readonly BenchModel[] = [
  {
    name: 'all-MiniLM-L6-v2, fp32',
    folder: `${WEIGHTS}/all-MiniLM-L6-v2`,
    weights: 'onnx/model.onnx',
    pooling: 'mean',
    maxTokens: 256,
    isBatched: true,
  },
  {
    name: 'bge-small-en-v1.5, int8',
    folder: `${WEIGHTS}/bge-small-en-v1.5`,
    weights: 'onnx/model_quantized.onnx',
    pooling: 'cls',
    maxTokens: 512,
    isBatched: false,
  },
];

/** Real weights where they are; otherwise a model of a few kilobytes, which shows that the bench runs and nothing else. */
export function listBenchModels(): { readonly models: readonly BenchModel[]; readonly isReal: boolean } {
  const models = REAL.filter(({ folder }) => existsSync(folder));
  if (models.length > 0) return { models, isReal: true };
  const tiny = {
    folder: FIXTURE,
    weights: 'onnx/model.onnx',
    pooling: 'mean',
    maxTokens: 24,
    isBatched: true,
  } as const;
  return { models: [{ name: 'tiny', ...tiny }], isReal: false };
}

/** The model through the runtime under test. */
export async function loadThroughPort({ name, folder, weights }: BenchModel): Promise<Model> {
  const model: LocalModel = {
    name,
    runtime: 'ort',
    path: folder,
    weightsPath: `${folder}/${weights}`,
    spec: undefined,
  };
  const files: ModelFiles = {
    list: async () => [],
    find: async () => ({ state: 'local', model }),
    hashWeights: async () => 'not of interest here',
  };
  return createOnnxProvider({ files }).load({ name }, new AbortController().signal);
}

/** Texts of mixed lengths: most are short, some are cut; always the same, of the words of a page that does not change. */
export async function makeTexts(count: number): Promise<string[]> {
  const source = await readFile(
    new URL('../../docs/decisions/0002-lanes-roles-and-levels.md', import.meta.url),
    'utf8',
  );
  const words = source.match(/[A-Za-z]{2,}/g) ?? ['lamp'];
  let state = 7;
  const random = () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
  return Array.from({ length: count }, () => {
    const length = Math.round(Math.exp(1 + random() * 4.6));
    return Array.from({ length }, () => words[Math.floor(random() * words.length)]).join(' ');
  });
}
