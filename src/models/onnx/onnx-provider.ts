import { LamplighterError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { LocalModel, ModelFiles, ModelFinding, ModelSpec } from '../files/model-files.ts';
import type { Model } from '../port.ts';
import type { KnownModelDescription, ModelCard, ModelProvider, ModelSelection } from '../provider.ts';
import { findEnginePackages } from './engine-packages.ts';
import { readFolderConfig } from './folder-config.ts';
import { type ImagePlan, isVisual, readImagePlan } from './images/image-plan.ts';
import type { ImageModelOptions } from './images/load-image-model.ts';
import { type ModelPlan, planModel } from './model-plan.ts';

const RUNTIME = 'ort';

export interface OnnxProviderOptions {
  readonly files: ModelFiles;
  /**
   * Where a package is, as `require.resolve` says; throws for one that is not installed.
   * @internal
   */
  readonly resolvePackage?: (name: string) => string;
  /**
   * Another module for the processes, for tests of engines that misbehave.
   * @internal
   */
  readonly engineEntry?: URL;
  /**
   * The log of what the engines print, and of their ends.
   * @default silent
   */
  readonly log?: Logger;
}

/**
 * The runtime `ort`: embedding models, of texts and of images, and cross-encoders in ONNX format, each in a process of its own. Describing reads small files and
 * loads nothing; the packages that it runs on are looked for only then.
 */
export function createOnnxProvider({ files, resolvePackage, engineEntry, log }: OnnxProviderOptions): ModelProvider {
  async function describe(selection: ModelSelection): Promise<KnownModelDescription | undefined> {
    const finding = await files.find(selection.name, RUNTIME);
    return finding === undefined ? undefined : describeFinding(selection, finding);
  }

  async function describeFinding(selection: ModelSelection, finding: ModelFinding): Promise<KnownModelDescription> {
    const { name } = selection;
    const spec = finding.state === 'local' ? finding.model.spec : finding.spec;
    const card = cardOf(name, spec, finding.state === 'local');
    const refuse = (reason: string, hint?: string): KnownModelDescription => ({
      state: 'not_loadable',
      name,
      card,
      reason,
      ...(hint === undefined ? {} : { hint }),
    });
    if (finding.state === 'missing') return refuse(finding.reason, finding.hint);
    const planned = await planOf(finding.model);
    if ('refusal' in planned) return refuse(planned.refusal);
    const { dimensions } = planned.plan;
    const functions = planned.input === 'texts' ? planned.plan.functions : [];
    const type = planned.input === 'texts' ? 'textual' : 'visual';
    const full = { ...card, type, functions, ...(dimensions === undefined ? {} : { dimensions }) } as const;
    const refusal = selectionProblem(selection, planned) ?? packagesProblem(planned.input);
    return refusal === undefined
      ? { state: 'loadable', name, card: full }
      : { state: 'not_loadable', name, card: full, ...refusal };
  }

  function packagesProblem(input: Planned['input']): { readonly reason: string; readonly hint: string } | undefined {
    const packages = findEnginePackages(input, resolvePackage);
    return packages.isInstalled ? undefined : { reason: packages.reason, hint: packages.hint };
  }

  return {
    runtime: RUNTIME,
    list: async () =>
      Promise.all((await files.list(RUNTIME)).map((finding) => describeFinding({ name: finding.name }, finding))),
    describe,
    async load(selection, signal) {
      const { name } = selection;
      const refuse = (reason: string, hint?: string) =>
        new LamplighterError('MODEL_FAILED', `Model "${name}" cannot be loaded: ${reason}`, { hint });
      const finding = await files.find(name, RUNTIME);
      if (finding?.state !== 'local') throw refuse(finding?.reason ?? 'it is not known', finding?.hint);
      const { model } = finding;
      const planned = await planOf(model);
      if ('refusal' in planned) throw refuse(planned.refusal);
      const packages = findEnginePackages(planned.input, resolvePackage);
      if (!packages.isInstalled) throw refuse(packages.reason, packages.hint);
      const problem = selectionProblem(selection, planned);
      if (problem !== undefined) throw refuse(problem.reason);
      const common = {
        model,
        engineVersions: packages.versions,
        weightsHash: await files.hashWeights(model, signal),
        engineEntry,
        log,
      };
      const loaded = await loadPlanned(planned, common, selection, signal);
      // Only now it is known of every model.
      const wrong = dimensionsProblem(selection, loaded.dimensions);
      if (wrong === undefined) return loaded;
      await loaded.close();
      throw refuse(wrong.reason);
    },
  };
}

function cardOf(name: string, spec: ModelSpec | undefined, isDownloaded: boolean): ModelCard {
  const dimensions = spec?.embedding?.dimensions;
  return {
    name,
    runtime: RUNTIME,
    type: spec?.type ?? 'textual',
    functions: spec?.functions ?? [],
    ...(dimensions === undefined ? {} : { dimensions }),
    isDownloaded,
  };
}

/** How a model is to be used, by what it takes. */
type Planned =
  | { readonly input: 'texts'; readonly plan: ModelPlan }
  | { readonly input: 'images'; readonly plan: ImagePlan };

async function planOf(model: LocalModel): Promise<Planned | { readonly refusal: string }> {
  try {
    const config = await readFolderConfig(model.path);
    return isVisual(model, config)
      ? { input: 'images', plan: await readImagePlan(model, config) }
      : { input: 'texts', plan: planModel(model, config) };
  } catch (error) {
    return { refusal: messageOf(error) };
  }
}

async function loadPlanned(
  planned: Planned,
  common: Omit<ImageModelOptions, 'plan'>,
  { inputType }: ModelSelection,
  signal: AbortSignal,
): Promise<Model> {
  if (planned.input === 'images') {
    const { loadImageModel } = await import('./images/load-image-model.ts');
    return loadImageModel({ ...common, plan: planned.plan }, signal);
  }
  const { plan } = planned;
  const { loadOnnxModel } = await import('./load-onnx-model.ts');
  const prefixes = { prefix: prefixOf(plan, inputType) ?? '', queryPrefix: prefixOf(plan, 'query') };
  return loadOnnxModel({ ...common, plan, ...prefixes }, signal);
}

/** The prompt for texts of that kind; undefined for a kind that the model does not know. */
function prefixOf({ prompts, defaultPrompt }: ModelPlan, inputType: string | undefined): string | undefined {
  if (inputType === undefined) return defaultPrompt;
  return Object.hasOwn(prompts, inputType) ? prompts[inputType] : undefined;
}

function selectionProblem(
  selection: ModelSelection,
  { input, plan }: Planned,
): { readonly reason: string } | undefined {
  const { inputType } = selection;
  const problem = dimensionsProblem(selection, plan.dimensions);
  if (problem !== undefined) return problem;
  if (input === 'images') {
    return inputType === undefined ? undefined : { reason: `it takes images, and knows no input type "${inputType}"` };
  }
  if (prefixOf(plan, inputType) !== undefined) return undefined;
  return { reason: `it knows no input type "${inputType}", only ${Object.keys(plan.prompts).join(', ')}` };
}

function dimensionsProblem(
  { dimensions: wanted }: ModelSelection,
  given: number | undefined,
): { readonly reason: string } | undefined {
  if (wanted === undefined || given === undefined || wanted === given) return undefined;
  return { reason: `it gives ${given} dimensions, not ${wanted}` };
}
