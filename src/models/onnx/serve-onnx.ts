/** The process that runs one ONNX model. */
import { serveEngine } from '../engine/serve-engine.ts';
import { openEngine } from './engine.ts';
import type { EngineSetup } from './engine-setup.ts';

// What the parent sends is what `loadOnnxModel` gave.
serveEngine((setup) => openEngine(setup as EngineSetup));
