// A runtime written from scratch: vectors that count the vowels of a text, in a database where `lamplighter migrate` was run:
//   DATABASE_URL=postgresql://... npx tsx examples/own-provider.ts
import { createClient, createWorker } from '../src/index.ts';
import { defineModel, type ModelProvider, succeeded } from '../src/models.ts';

const NAME = 'own/vowels';
const VOWELS = [...'aeiou'];

const card = {
  name: NAME,
  runtime: 'own',
  type: 'textual',
  functions: ['embed'],
  dimensions: VOWELS.length,
  isDownloaded: true,
} as const;

const provider: ModelProvider = {
  runtime: 'own',
  list: async () => [{ state: 'loadable', name: NAME, card }],
  describe: async ({ name }) => (name === NAME ? { state: 'loadable', name, card } : undefined),
  // Whatever is heavy belongs here: it runs once, when a worker starts.
  load: async () =>
    defineModel({
      name: NAME,
      runtime: 'own',
      // Equal fingerprints give equal vectors: change it when the weights or the code change.
      fingerprint: 'vowels-1',
      embed: {
        dimensions: VOWELS.length,
        maxBatch: 64,
        run: async (texts) => texts.map((text) => succeeded(countVowels(text))),
      },
    }),
};

/** A vector has to have length 1, or is refused. */
function countVowels(text: string): Float32Array {
  const counts = VOWELS.map((vowel) => 1 + text.toLowerCase().split(vowel).length - 1);
  const length = Math.hypot(...counts);
  return Float32Array.from(counts, (count) => count / length);
}

const worker = await createWorker({ providers: [provider], embedModel: NAME, functions: ['embed'] });
const client = createClient();
const vector = await client.wait(await client.embed('The lamplighter'));
console.log([...vector].map((value) => value.toFixed(2)).join(' '));
await client.close();
await worker.stop();
