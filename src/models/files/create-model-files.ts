import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { basename, isAbsolute, resolve } from 'node:path';
import { type Clock, systemClock } from '../../core/clock.ts';
import type { Env } from '../../core/env.ts';
import { LamplighterError } from '../../core/errors.ts';
import { LOCAL_MODELS } from '../catalogue/local-models.ts';
import { createHashStore } from './hash-store.ts';
import { createLockFile } from './lock-file.ts';
import type { LocalModel, ModelFiles, ModelFinding, ModelSpec } from './model-files.ts';
import { expandHome, modelFolder, pathInside } from './model-folder.ts';
import { externalDataOf, inspectFolder, inspectGguf, missingFiles } from './model-layout.ts';

interface ModelFilesOptions {
  /** The environment, for `LAMPLIGHTER_MODEL_DIR` and the platform's cache folder. */
  readonly env: Env;
  /** The folder of models; wins over the environment. */
  readonly modelDir?: string | undefined;
  /** Model names from the command line and the environment, never from a table; those that are paths become models. */
  readonly given?: readonly (string | undefined)[];
  /** @default all that can be downloaded */
  readonly catalogue?: readonly ModelSpec[];
  readonly clock?: Clock;
}

/** The local models of this machine. Looks at files whenever it is asked; loads nothing, and never calls out. */
export function createModelFiles(options: ModelFilesOptions): ModelFiles {
  const { env, modelDir, given = [], catalogue = LOCAL_MODELS, clock = systemClock } = options;
  const root = modelFolder(env, modelDir);
  const givens = givenModels(given, { env, isKnown: (name) => catalogue.some((spec) => spec.name === name) });
  const hashes = createHashStore(root);
  const lockFile = createLockFile(root, clock);

  /** Every file counts: another tokenizer changes the answers as other weights do. */
  async function requirePinned({ name, source }: ModelSpec, signal: AbortSignal): Promise<void> {
    const pin = await lockFile.read(name, source);
    for (const [file, { sha256: pinned }] of Object.entries(pin?.files ?? {})) {
      if (pinned === undefined || !source.files.includes(file)) continue;
      const path = pathInside(pathInside(root, name), file);
      const sha256 = await hashes.sha256(path, signal);
      if (sha256 === pinned) continue;
      throw new LamplighterError(
        'MODEL_CHANGED',
        `${path} is not the file that was downloaded: its sha256 is ${sha256}, and ${lockFile.path} pins ${pinned}`,
        { hint: `Run: lamplighter models pull ${name}` },
      );
    }
  }

  async function lookAt(wanted: GivenModel | ModelSpec): Promise<ModelFinding> {
    return 'source' in wanted ? findCatalogueModel(root, wanted) : findGivenModel(wanted);
  }

  return {
    list: (runtime) =>
      Promise.all(
        [...givens, ...catalogue]
          .filter((wanted) => wanted.runtime === runtime)
          .map(async (wanted) => ({ ...(await lookAt(wanted)), name: wanted.name })),
      ),
    async find(name, runtime) {
      const wanted = [...givens, ...catalogue].find((each) => each.name === name && each.runtime === runtime);
      return wanted === undefined ? undefined : lookAt(wanted);
    },
    async hashWeights({ weightsPath, spec }, signal) {
      if (spec !== undefined) await requirePinned(spec, signal);
      const sha256s: string[] = [];
      for (const path of [weightsPath, ...(await externalDataOf(weightsPath))]) {
        sha256s.push(await hashes.sha256(path, signal));
      }
      const [only = '', ...others] = sha256s;
      return others.length === 0 ? only : createHash('sha256').update(sha256s.join('\n')).digest('hex');
    },
  };
}

/** Where a downloaded model is: the folder of an `ort` model, or the GGUF file. */
export function pathOfModel(root: string, spec: ModelSpec): string {
  const folder = pathInside(root, spec.name);
  return spec.runtime === 'llama' ? pathInside(folder, weightsOf(spec)) : folder;
}

async function findCatalogueModel(root: string, spec: ModelSpec): Promise<ModelFinding> {
  const folder = pathInside(root, spec.name);
  const missing = await missingFiles(folder, spec.source.files);
  if (missing.length === 0) {
    const { name, runtime } = spec;
    const weightsPath = pathInside(folder, weightsOf(spec));
    return { state: 'local', model: { name, runtime, path: pathOfModel(root, spec), weightsPath, spec } };
  }
  const isAbsent = missing.length === spec.source.files.length;
  const reason = isAbsent ? 'its files are not downloaded' : `${folder} lacks ${missing.join(', ')}`;
  return { state: 'missing', spec, reason, hint: `Run: lamplighter models pull ${spec.name}` };
}

async function findGivenModel({ name, runtime, path }: GivenModel): Promise<ModelFinding> {
  const found = await (runtime === 'llama' ? inspectGguf(path) : inspectFolder(path));
  if ('problem' in found) return { state: 'missing', spec: undefined, reason: found.problem };
  const model: LocalModel = { name, runtime, path, weightsPath: found.weightsPath, spec: undefined };
  return { state: 'local', model };
}

function weightsOf({ name, source }: ModelSpec): string {
  const [weights] = source.files;
  if (weights === undefined) throw new LamplighterError('MODEL_FAILED', `Model "${name}" has no files`);
  return weights;
}

/** A model given by its path. */
interface GivenModel {
  /** The string that was given: nothing else names it. */
  readonly name: string;
  readonly runtime: 'ort' | 'llama';
  /** Absolute. */
  readonly path: string;
}

/**
 * The given model names that are paths: absolute, beginning with `./`, `../` or `~/`, ending in `.gguf`, or
 * the name of a folder that is there.
 */
function givenModels(
  names: readonly (string | undefined)[],
  { env, isKnown }: { readonly env: Env; readonly isKnown: (name: string) => boolean },
): readonly GivenModel[] {
  const models = new Map<string, GivenModel>();
  for (const name of names) {
    if (name === undefined || isKnown(name) || models.has(name)) continue;
    const path = resolve(expandHome(name, env));
    const isFile = /\.gguf$/i.test(name);
    if (isFile || isWrittenAsPath(name) || isFolder(path)) {
      models.set(name, { name, runtime: isFile ? 'llama' : 'ort', path });
    }
  }
  return [...models.values()];
}

function isWrittenAsPath(name: string): boolean {
  return isAbsolute(name) || /^\.{1,2}([/\\]|$)|^~[/\\]/.test(name) || basename(name) === '';
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
