import { createHash } from 'node:crypto';
import { defineModel } from '../../src/models/define-model.ts';
import { invalid, succeeded } from '../../src/models/outcome.ts';
import type { KnownModelDescription, ModelProvider } from '../../src/models/provider.ts';

const DIMENSIONS = 8;

/** The vector that the model `image/model` gives for these bytes: another one for each image. */
export function vectorOfBytes(bytes: Uint8Array): number[] {
  const hash = createHash('sha256').update(bytes).digest();
  const values = Array.from({ length: DIMENSIONS }, (_, at) => (hash[at] ?? 0) + 1);
  const norm = Math.hypot(...values);
  return values.map((value) => value / norm);
}

export interface VisualProvider extends ModelProvider {
  /** Images that were embedded. */
  readonly asked: readonly Uint8Array[];
}

/** A runtime whose one model takes images; bytes that begin with `bad` are none. */
export function createVisualProvider(): VisualProvider {
  const asked: Uint8Array[] = [];
  const name = 'image/model';
  const card = {
    name,
    runtime: 'image',
    type: 'visual',
    functions: [],
    dimensions: DIMENSIONS,
    isDownloaded: true,
  } as const;
  const known: KnownModelDescription = { state: 'loadable', name, card };
  return {
    runtime: 'image',
    asked,
    list: async () => [known],
    describe: async (wanted) => (wanted.name === name ? known : undefined),
    load: async () =>
      defineModel({
        name,
        runtime: 'image',
        fingerprint: name,
        embedImages: {
          dimensions: DIMENSIONS,
          maxBatch: 4,
          async run(images) {
            asked.push(...images);
            return images.map((bytes) =>
              Buffer.from(bytes).toString('latin1', 0, 3) === 'bad'
                ? invalid('It is no image that can be read')
                : succeeded(Float32Array.from(vectorOfBytes(bytes))),
            );
          },
        },
      }),
  };
}
