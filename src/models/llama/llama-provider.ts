import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { LocalModel, ModelFiles, ModelFinding, ModelSpec } from '../files/model-files.ts';
import type { KnownModelDescription, ModelCard, ModelProvider, ModelSelection } from '../provider.ts';
import { createGgufFactsReader, functionsOfDuty, type GgufFacts } from './gguf/gguf-facts.ts';
import { INSTALL_HINT, isEngineInstalled } from './llama-engine.ts';
import type { LlamaSettings } from './llama-settings.ts';

const RUNTIME = 'llama';

export interface LlamaProviderOptions {
  readonly files: ModelFiles;
  /** What `readLlamaSettings` gives. */
  readonly settings: LlamaSettings;
  /** Whether node-llama-cpp is there; for tests. */
  readonly isInstalled?: () => boolean;
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
 * Serves GGUF files through llama.cpp: generators, embedders and rerankers, told apart by what the file says, each in a
 * process of its own.
 *
 * Builds nothing, downloads nothing, prints nothing. Equal requests get equal bytes: one at a time, each from an empty
 * context, the most likely token always.
 */
export function createLlamaProvider({
  files,
  settings,
  isInstalled = isEngineInstalled,
  engineEntry,
  log,
}: LlamaProviderOptions): ModelProvider {
  const readFacts = createGgufFactsReader();

  async function describe(selection: ModelSelection, finding: ModelFinding): Promise<KnownModelDescription> {
    const { name } = selection;
    if (finding.state === 'missing') {
      const { reason, hint } = finding;
      return {
        state: 'not_loadable',
        name,
        card: cardOf(name, finding),
        reason,
        ...(hint === undefined ? {} : { hint }),
      };
    }
    try {
      const { model } = finding;
      const facts = await readFacts(model.weightsPath, model.spec);
      const card = cardOf(name, finding, facts);
      const refusal = isInstalled()
        ? selectionProblem(selection, card)
        : { reason: 'the package node-llama-cpp is not installed', hint: INSTALL_HINT };
      return refusal === undefined
        ? { state: 'loadable', name, card }
        : { state: 'not_loadable', name, card, ...refusal };
    } catch (error) {
      const reason = `its file ${finding.model.weightsPath} cannot be read: ${messageOf(error)}`;
      return { state: 'not_loadable', name, card: cardOf(name, finding), reason, hint: 'Fetch the file again.' };
    }
  }

  return {
    runtime: RUNTIME,
    list: async () =>
      Promise.all((await files.list(RUNTIME)).map((finding) => describe({ name: finding.name }, finding))),
    async describe(selection) {
      const finding = await files.find(selection.name, RUNTIME);
      return finding === undefined ? undefined : describe(selection, finding);
    },
    async load(selection, signal) {
      const finding = await files.find(selection.name, RUNTIME);
      if (finding?.state !== 'local') throw new Error(finding?.reason ?? 'its file is gone');
      const local: LocalModel = finding.model;
      const facts = await readFacts(local.weightsPath, local.spec);
      const weightsHash = await files.hashWeights(local, signal);
      const prefix = prefixOf(selection, local.spec);
      const queryPrefix = prefixOf({ ...selection, inputType: 'query' }, local.spec);
      // What starts processes and logs is not needed by a program that only lists models.
      const { loadLlamaModel } = await import('./load-llama-model.ts');
      return loadLlamaModel({ local, facts, weightsHash, prefix, queryPrefix, settings, engineEntry, log }, signal);
    },
  };
}

function cardOf(name: string, finding: ModelFinding, facts?: GgufFacts): ModelCard {
  const spec = finding.state === 'local' ? finding.model.spec : finding.spec;
  const dimensions = spec?.embedding?.dimensions ?? (facts?.duty === 'embed' ? facts.embeddingLength : undefined);
  return {
    name,
    runtime: RUNTIME,
    type: spec?.type ?? 'textual',
    functions: facts === undefined ? (spec?.functions ?? []) : functionsOfDuty(facts.duty),
    ...(dimensions === undefined ? {} : { dimensions }),
    isDownloaded: finding.state === 'local',
  };
}

/** What a selection asks for that the model does not have. */
function selectionProblem(
  { dimensions, inputType }: ModelSelection,
  card: ModelCard,
): { readonly reason: string } | undefined {
  if (dimensions !== undefined && card.dimensions !== undefined && dimensions !== card.dimensions) {
    return { reason: `it gives ${card.dimensions} dimensions, not ${dimensions}` };
  }
  if (inputType === undefined || inputType === 'query' || inputType === 'document') return undefined;
  return { reason: `it knows the input types query and document, not "${inputType}"` };
}

function prefixOf({ inputType }: ModelSelection, spec: ModelSpec | undefined): string {
  const { query, document } = spec?.embedding?.prefix ?? {};
  return (inputType === 'query' ? query : document) ?? '';
}
