import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import type { LocalModel, ModelFiles, ModelSpec } from '../../src/models/files/model-files.ts';
import { createOnnxProvider, type OnnxProviderOptions } from '../../src/models/onnx/onnx-provider.ts';
import type { ItemOutcome } from '../../src/models/outcome.ts';
import type { Model } from '../../src/models/port.ts';
import type { ModelSelection } from '../../src/models/provider.ts';

const FIXTURES = new URL('fixtures/onnx/', import.meta.url);

/** What a fixture's `expected.json` says, computed without the engine. */
export interface ExpectedEmbeddings {
  readonly maxTokens: number;
  readonly dimensions: number;
  readonly texts: readonly { readonly text: string; readonly ids: readonly number[]; readonly vector: number[] }[];
  readonly prompts?: Readonly<Record<string, number[]>>;
}

export interface ExpectedScores {
  readonly maxTokens: number;
  readonly pairs: readonly {
    readonly query: string;
    readonly document: string;
    readonly ids: readonly number[];
    readonly typeIds: readonly number[];
    readonly score: number;
  }[];
}

export interface FixtureOptions extends Omit<OnnxProviderOptions, 'files'> {
  /** A path in the folder. */
  readonly weights?: string;
  readonly spec?: ModelSpec;
  /** Instead of the fixture's own. */
  readonly folder?: string;
}

const copies: string[] = [];
afterAll(async () => {
  for (const copy of copies) await rm(copy, { recursive: true, force: true });
});

const never = new AbortController().signal;

/** A provider that knows one folder, under the fixture's name. */
export function fixtureProvider(name: string, options: FixtureOptions = {}) {
  const { weights = weightsOf(name), spec, folder = fixturePath(name), ...rest } = options;
  const model: LocalModel = { name, runtime: 'ort', path: folder, weightsPath: `${folder}/${weights}`, spec };
  const files: ModelFiles = {
    list: async () => [{ state: 'local', model, name }],
    find: async (asked) => (asked === name ? { state: 'local', model } : undefined),
    hashWeights: async () => `hash of ${name}`,
  };
  return createOnnxProvider({ files, ...rest });
}

/** The fixture's model; `await using` closes it. */
export async function loadFixture(
  name: string,
  { selection = {}, ...options }: FixtureOptions & { readonly selection?: Partial<ModelSelection> } = {},
): Promise<Model & AsyncDisposable> {
  const model = await fixtureProvider(name, options).load({ name, ...selection }, never);
  return { ...model, [Symbol.asyncDispose]: () => model.close() };
}

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(name, FIXTURES));
}

export async function readExpected<T = ExpectedEmbeddings>(name: string): Promise<T> {
  return JSON.parse(await readFile(new URL(`${name}/expected.json`, FIXTURES), 'utf8'));
}

/** A copy of a fixture's folder to spoil; gone when the test file is done. */
export async function copyFixture(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lamplighter-onnx-'));
  copies.push(folder);
  await cp(fixturePath(name), folder, { recursive: true });
  return folder;
}

export async function editJson(path: string, edit: (value: Record<string, unknown>) => unknown): Promise<void> {
  await writeFile(path, JSON.stringify(edit(JSON.parse(await readFile(path, 'utf8')))));
}

/** The values of outcomes that are all successes. */
export function valuesOf<T>(outcomes: readonly ItemOutcome<T>[]): T[] {
  return outcomes.map((outcome) => {
    if (outcome.ok) return outcome.value;
    throw new Error(`unexpected failure: ${outcome.error.message}`);
  });
}

/** The cosine of two vectors of any length. */
export function cosine(a: ArrayLike<number> | undefined, b: ArrayLike<number> | undefined): number {
  if (a === undefined || b === undefined || a.length !== b.length) return Number.NaN;
  let [dot, aa, bb] = [0, 0, 0];
  for (let at = 0; at < a.length; at += 1) {
    const [x = Number.NaN, y = Number.NaN] = [a[at], b[at]];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return dot / Math.sqrt(aa * bb);
}

/** The bits of a vector, for comparisons that forgive nothing. */
export function bitsOf(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('hex');
}

function weightsOf(name: string): string {
  if (name === 'quantized') return 'onnx/model_quantized.onnx';
  return name === 'external-data' ? 'model.onnx' : 'onnx/model.onnx';
}
