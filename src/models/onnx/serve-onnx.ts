/** The process that runs one ONNX model. */
import { serveEngine } from '../engine/serve-engine.ts';
import type { EngineSetup } from './engine-setup.ts';
import type { ImageEngineSetup } from './images/image-engine.ts';

serveEngine(async (given) => {
  // What the parent sends is what `loadOnnxModel` or `loadImageModel` gave.
  const setup = given as EngineSetup | ImageEngineSetup;
  if (setup.kind === 'images') return (await import('./images/image-engine.ts')).openImageEngine(setup);
  return (await import('./engine.ts')).openEngine(setup);
});
