import { fileURLToPath } from 'node:url';
import { type LlamaContext, LlamaGrammarEvaluationState, type LlamaModel, type Token } from 'node-llama-cpp';
import { testEngine } from './accepts.ts';

/** Random weights, and a token for each byte: at a high temperature it says anything that a grammar allows. */
const TINY_MODEL = fileURLToPath(new URL('../models/fixtures/gguf/tiny-generator.gguf', import.meta.url));

/** What bytes that are no UTF-8 are read as. */
const REPLACEMENT_CHARACTER = '\ufffd';

/** Generates from the tiny model, token by token, as a model server does. */
export interface TestGenerator {
  /**
   * A text of at most `maxTokens` tokens; undefined when the grammar was not at an end by then, and for bytes that are
   * no UTF-8: the matcher takes overlong forms, which only a model of random weights writes, for the character that they
   * would be, and a reader takes them for three. The runtimes count such a text as a failed attempt.
   */
  generate(gbnf: string, seed: number, maxTokens: number): Promise<string | undefined>;
  close(): Promise<void>;
}

/** A generator on the engine of this test file; close it before the engine. */
export async function openGenerator(): Promise<TestGenerator> {
  const engine = await testEngine();
  const model = await engine.loadModel({ modelPath: TINY_MODEL, gpuLayers: 0 });
  const context = await model.createContext({ contextSize: 512, sequences: 1, threads: 1 });
  return {
    async generate(gbnf, seed, maxTokens) {
      const grammar = await engine.createGrammar({ grammar: gbnf });
      const state = new LlamaGrammarEvaluationState({ model, grammar });
      const text = await generateText(model, context, state, seed, maxTokens);
      return text?.includes(REPLACEMENT_CHARACTER) === true ? undefined : text;
    },
    async close() {
      await context.dispose();
      await model.dispose();
    },
  };
}

async function generateText(
  model: LlamaModel,
  context: LlamaContext,
  state: LlamaGrammarEvaluationState,
  seed: number,
  maxTokens: number,
): Promise<string | undefined> {
  const sequence = context.getSequence();
  try {
    const tokens: Token[] = [];
    // Anything that the grammar allows, whatever the weights lean to.
    const options = { temperature: 50, topK: 0, topP: 1, seed, grammarEvaluationState: state };
    for await (const token of sequence.evaluate(model.tokenize('x'), options)) {
      if (model.isEogToken(token)) return textOf(model, tokens);
      tokens.push(token);
      if (tokens.length > maxTokens) return undefined;
    }
    return textOf(model, tokens);
  } finally {
    await sequence.dispose();
  }
}

/** The text that the grammar saw: with a token before it, so that no leading space is dropped. */
function textOf(model: LlamaModel, tokens: readonly Token[]): string {
  const [before] = model.tokenize('x');
  const lead = before === undefined ? [] : [before];
  return model.detokenize([...lead, ...tokens]).slice(model.detokenize(lead).length);
}
