import { LamplighterError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { LocalModel, ModelFiles, ModelFinding, ModelSpec } from '../files/model-files.ts';
import type { KnownModelDescription, ModelCard, ModelProvider, ModelSelection } from '../provider.ts';
import { findEnginePackages } from './engine-packages.ts';
import { type ModelPlan, readModelPlan } from './model-plan.ts';

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
   * For what the engines print, and their ends.
   * @default silent
   */
  readonly log?: Logger;
}

/**
 * The runtime `ort`: embedding models and cross-encoders in ONNX format, each in a process of its own. Describing reads small files and
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
    if (spec?.type === 'visual') return refuse('it takes images, and this version embeds texts only');
    if (finding.state === 'missing') return refuse(finding.reason, finding.hint);
    const planned = await planOf(finding.model);
    if ('refusal' in planned) return refuse(planned.refusal);
    const { functions, dimensions } = planned.plan;
    const full = { ...card, functions, ...(dimensions === undefined ? {} : { dimensions }) };
    const refusal = selectionProblem(selection, planned.plan) ?? packagesProblem();
    return refusal === undefined
      ? { state: 'loadable', name, card: full }
      : { state: 'not_loadable', name, card: full, ...refusal };
  }

  function packagesProblem(): { readonly reason: string; readonly hint: string } | undefined {
    const packages = findEnginePackages(resolvePackage);
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
      const packages = findEnginePackages(resolvePackage);
      if (!packages.isInstalled) throw refuse(packages.reason, packages.hint);
      const { model } = finding;
      const planned = await planOf(model);
      if ('refusal' in planned) throw refuse(planned.refusal);
      const problem = selectionProblem(selection, planned.plan);
      if (problem !== undefined) throw refuse(problem.reason);
      const weightsHash = await files.hashWeights(model, signal);
      const { loadOnnxModel } = await import('./load-onnx-model.ts');
      const loaded = await loadOnnxModel(
        {
          model,
          plan: planned.plan,
          prefix: prefixOf(planned.plan, selection.inputType) ?? '',
          queryPrefix: prefixOf(planned.plan, 'query'),
          engineVersions: packages.versions,
          weightsHash,
          engineEntry,
          log,
        },
        signal,
      );
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

async function planOf(model: LocalModel): Promise<{ readonly plan: ModelPlan } | { readonly refusal: string }> {
  try {
    return { plan: await readModelPlan(model) };
  } catch (error) {
    return { refusal: messageOf(error) };
  }
}

/** The prompt for texts of that kind; undefined for a kind that the model does not know. */
function prefixOf({ prompts, defaultPrompt }: ModelPlan, inputType: string | undefined): string | undefined {
  if (inputType === undefined) return defaultPrompt;
  return Object.hasOwn(prompts, inputType) ? prompts[inputType] : undefined;
}

function selectionProblem(selection: ModelSelection, plan: ModelPlan): { readonly reason: string } | undefined {
  const { inputType } = selection;
  const problem = dimensionsProblem(selection, plan.dimensions);
  if (problem !== undefined) return problem;
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
