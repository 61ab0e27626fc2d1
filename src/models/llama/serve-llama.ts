/** The process that runs one GGUF model. */
import { serveEngine } from '../engine/serve-engine.ts';
import { openEngine } from './llama-engine.ts';
import type { LlamaModelSetup } from './llama-settings.ts';
import { openLlamaModel } from './open-llama-model.ts';

serveEngine(async (setup) => {
  // What the parent sends is what `loadLlamaModel` gave.
  const given = setup as LlamaModelSetup;
  return openLlamaModel(await openEngine(given.settings), given);
});
