/** Loads the fixture in a folder with an engine that hangs, prints the engine's process number once it hangs, and waits. */
import process from 'node:process';
import { createOnnxProvider } from '../../src/models/onnx/onnx-provider.ts';

const [folder = ''] = process.argv.slice(2);
const { signal } = new AbortController();
const weightsPath = `${folder}/onnx/model.onnx`;
const model = { name: 'mean', runtime: 'ort', path: folder, weightsPath, spec: undefined } as const;
const provider = createOnnxProvider({
  files: { list: async () => [], find: async () => ({ state: 'local', model }), hashWeights: async () => 'hash' },
  engineEntry: new URL('./misbehaving-engine.ts', import.meta.url),
});
const loaded = await provider.load({ name: 'mean' }, signal);
const [which] = await loaded.embed(['which'], signal);
await loaded.embed(['!hang'], signal, {
  working(positions) {
    if (positions.length > 0) process.stdout.write(`engine ${which?.ok === true ? which.value[0] : 'failed'}\n`);
  },
  ended: () => undefined,
});
