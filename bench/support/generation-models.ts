import { existsSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { ModelFiles } from '../../src/models/files/model-files.ts';
import { createLlamaProvider } from '../../src/models/llama/llama-provider.ts';
import { type LlamaSettings, readLlamaSettings } from '../../src/models/llama/llama-settings.ts';
import type { Model } from '../../src/models/port.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const REAL = process.env['LAMPLIGHTER_TEST_MODELS'] ?? `${ROOT}../shared/models`;
const FIXTURES = `${ROOT}test/models/fixtures/gguf`;

/** `LAMPLIGHTER_BENCH_GGUF`, or a small real generator, or one with random weights. */
export function benchGenerator(): string {
  const given = process.env['LAMPLIGHTER_BENCH_GGUF'];
  if (given !== undefined) return given;
  return firstOf(`${REAL}/stories260K.gguf`, `${FIXTURES}/tiny-generator.gguf`);
}

/** One for each way that a GGUF model answers. */
export function benchModels(): readonly string[] {
  return [
    benchGenerator(),
    firstOf(`${REAL}/all-MiniLM-L6-v2-f16.gguf`, `${FIXTURES}/tiny-embedder.gguf`),
    `${FIXTURES}/tiny-reranker.gguf`,
  ];
}

function firstOf(wanted: string, otherwise: string): string {
  return existsSync(wanted) ? wanted : otherwise;
}

/** One thread, as on a machine of two CPUs; the same for the bare engine. */
export const BENCH_SETTINGS: LlamaSettings = { ...readLlamaSettings({}), gpu: false, threads: 1 };

/** The model behind the port. */
export function loadBehindPort(path: string): Promise<Model> {
  const local = { name: path, runtime: 'llama', path, weightsPath: path, spec: undefined } as const;
  const files: ModelFiles = {
    list: async () => [],
    find: async () => ({ state: 'local', model: local }),
    hashWeights: async () => 'not hashed',
  };
  const provider = createLlamaProvider({ files, settings: BENCH_SETTINGS });
  return provider.load({ name: path }, new AbortController().signal);
}
