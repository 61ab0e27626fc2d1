import type { LlamaGrammarEvaluationState, LlamaModel } from 'node-llama-cpp';
import type { LlamaEngine } from '../llama-engine.ts';

/** Enough for the schemas that a worker meets within a minute. */
const MAX_KEPT = 32;

/** Grammars as the engine reads them, each parsed once while it is in use. */
export interface GrammarStates {
  /**
   * A state at the beginning of the grammar; every answer needs its own.
   *
   * @throws Error when the engine cannot read the grammar.
   */
  begin(gbnf: string): LlamaGrammarEvaluationState;
}

export function createGrammarStates({ module, llama }: LlamaEngine, model: LlamaModel): GrammarStates {
  const pristine = new Map<string, LlamaGrammarEvaluationState>();
  return {
    begin(gbnf) {
      let state = pristine.get(gbnf);
      // The most recent stand last.
      pristine.delete(gbnf);
      state ??= new module.LlamaGrammarEvaluationState({
        model,
        grammar: new module.LlamaGrammar(llama, { grammar: gbnf }),
      });
      pristine.set(gbnf, state);
      if (pristine.size > MAX_KEPT) pristine.delete(pristine.keys().next().value ?? gbnf);
      return state.clone();
    },
  };
}
