import { getLlama, type Llama, type LlamaGrammar, LlamaLogLevel } from 'node-llama-cpp';

let engine: Promise<Llama> | undefined;

/** One engine for the whole test file, on one thread of the CPU: its threads spin. Close it with {@link closeEngine}. */
export function testEngine(): Promise<Llama> {
  engine ??= getLlama({ gpu: false, build: 'never', maxThreads: 1, logLevel: LlamaLogLevel.disabled });
  return engine;
}

/** Frees the engine of this test file, if there is one: for `afterAll`. */
export async function closeEngine(): Promise<void> {
  const opened = engine;
  engine = undefined;
  await (await opened)?.dispose();
}

/**
 * Whether a text, from its first to its last character, is one that the engine's own matcher takes as complete. No
 * model is needed: it is the matcher that judges tokens, asked character by character.
 *
 * @throws Error when the engine cannot read the grammar.
 */
export async function acceptorOf(gbnf: string): Promise<(text: string) => boolean> {
  const grammar = await (await testEngine()).createGrammar({ grammar: gbnf });
  return (text) => matcherOf(grammar)._testText(text);
}

/** The method is there, and used by the package itself, but left out of its types. */
function matcherOf(grammar: LlamaGrammar): { _testText(text: string): boolean } {
  const matcher: unknown = grammar;
  return matcher as { _testText(text: string): boolean };
}
