import type {
  LlamaContext,
  LlamaContextSequence,
  LlamaGrammarEvaluationState,
  LlamaModel,
  Token,
} from 'node-llama-cpp';
import { compileOutput } from '../../grammar/compile-output.ts';
import type { OutputGrammar } from '../../grammar/output-grammar.ts';
import { undecodableIn } from '../../grammar/undecodable.ts';
import { type ItemOutcome, invalid, succeeded } from '../../outcome.ts';
import type { GenerateItem } from '../../port.ts';
import { stripThinking } from '../../strip-thinking.ts';
import type { LlamaEngine } from '../llama-engine.ts';
import { feedTokens, type Turns } from '../take-turns.ts';
import { createPromptMaker } from './chat-frame.ts';

/**
 * How the answers to a structured request are looked for: the most likely one first, and two drawn by the request's seed
 * when that one is not what was asked for, which can only be where no grammar says it exactly. Nothing else depends on a
 * seed.
 */
const TEMPERATURES: readonly number[] = [0, 0.8, 0.8];

const SEEDS = 2 ** 32;

/** Tokens before the answer that decide whether it begins with a space. */
const JOINT_TOKENS = 4;

/** Answers one item; rejects only when it is aborted or the engine fails. */
export type TextGenerator = (item: GenerateItem, signal: AbortSignal) => Promise<ItemOutcome<string>>;

/** A generator over one sequence of a context; one item at a time. */
export function createTextGenerator(
  engine: LlamaEngine,
  model: LlamaModel,
  context: LlamaContext,
  chatTemplate: string | undefined,
): TextGenerator {
  const prompts = createPromptMaker(engine, model, chatTemplate);
  const grammars = createGrammarStates(engine, model);
  const sequence = context.getSequence();
  const { contextSize } = context;
  // The engine makes room, by forgetting, when the last place is about to be taken.
  const usable = contextSize - 1;

  async function answer(prompt: Token[], item: GenerateItem, choosing: Choosing, signal: AbortSignal): Promise<Answer> {
    const room = usable - prompt.length;
    const limit = Math.min(item.maxTokens, room);
    const { tokens, hasEnded } = await decodeTokens(sequence, prompt, limit, choosing, engine.turns, signal);
    const text = model.detokenize(tokens, false, prompt.slice(-JOINT_TOKENS));
    if (hasEnded) return { text, cut: undefined };
    const cut =
      item.maxTokens <= room
        ? `max_tokens (${item.maxTokens})`
        : `the end of the model's context of ${contextSize} tokens, of which the prompt takes ${prompt.length}`;
    return { text, cut };
  }

  async function generatePlain(prompt: Token[], item: GenerateItem, signal: AbortSignal): Promise<ItemOutcome<string>> {
    const choosing = { temperature: 0, seed: 0, grammar: undefined };
    const { text, cut } = await answer(prompt, item, choosing, signal);
    // A character of several tokens may be cut in two.
    const whole = cut === undefined ? text : text.replace(/\ufffd+$/, '');
    if (!prompts.isChat) return withoutZero(whole);
    const said = stripThinking(whole);
    if (said !== undefined) return withoutZero(said.trimStart());
    return invalid(`The model was still thinking at ${cut ?? 'its end'}`);
  }

  async function generateStructured(
    prompt: Token[],
    item: GenerateItem,
    { gbnf, problemOf }: OutputGrammar,
    signal: AbortSignal,
  ): Promise<ItemOutcome<string>> {
    let problem: string | undefined;
    for (const [attempt, temperature] of TEMPERATURES.entries()) {
      const choosing = { temperature, seed: (item.seed + attempt) % SEEDS, grammar: grammars.begin(gbnf) };
      const { text, cut } = await answer(prompt, item, choosing, signal);
      if (cut !== undefined) return invalid(`Output was cut off at ${cut}`);
      problem = problemOf(text) ?? undecodableIn(text, item);
      if (problem === undefined) return succeeded(text);
    }
    return invalid(`The model gave no valid output in ${TEMPERATURES.length} attempts: ${problem}`);
  }

  return async (item, signal) => {
    const compiled = compileOutput(item.output);
    if (compiled !== undefined && 'refusal' in compiled) return invalid(compiled.refusal);
    const made = await prompts.tokensOf(item.prompt, usable - 1, signal);
    if ('tooMany' in made) return invalid(tooLong(made.tooMany, contextSize));
    if (made.tokens.length === 0) return invalid('The prompt has no token that the model knows');
    return compiled === undefined
      ? generatePlain(made.tokens, item, signal)
      : generateStructured(made.tokens, item, compiled, signal);
  };
}

interface Answer {
  readonly text: string;
  /** What cut it, or undefined when the model came to its end. */
  readonly cut: string | undefined;
}

function tooLong(tokens: string, contextSize: number): string {
  return `The prompt is ${tokens} tokens long, and the model's context of ${contextSize} tokens must hold it and the answer`;
}

function withoutZero(text: string): ItemOutcome<string> {
  // Asked again, the model would say the same: this is no failure to be tried again.
  if (text.includes('\0')) return invalid('The model gave a text with a zero character, which PostgreSQL cannot hold');
  return succeeded(text);
}

/** How the next token is chosen. */
export interface Choosing {
  /** 0 takes the most likely one, whatever the seed. */
  readonly temperature: number;
  readonly seed: number;
  readonly grammar: LlamaGrammarEvaluationState | undefined;
}

export interface Decoded {
  readonly tokens: readonly Token[];
  /** False when the limit came before the model's end. */
  readonly hasEnded: boolean;
}

/** Generates up to `limit` tokens after a prompt, from an empty sequence; hears an abort within a token. */
async function decodeTokens(
  sequence: LlamaContextSequence,
  prompt: readonly Token[],
  limit: number,
  { temperature, seed, grammar }: Choosing,
  turns: Turns,
  signal: AbortSignal,
): Promise<Decoded> {
  const last = await feedTokens(sequence, prompt, turns, signal);
  const iterator = sequence.evaluate(last, {
    temperature,
    seed,
    ...(grammar === undefined ? {} : { grammarEvaluationState: grammar }),
  });
  const tokens: Token[] = [];
  try {
    while (true) {
      signal.throwIfAborted();
      const step = await turns.run(() => iterator.next());
      if (step.done === true) return { tokens, hasEnded: true };
      // One beyond the limit, thrown away: only it tells an answer that ends exactly there from one that is cut.
      if (tokens.length === limit) return { tokens, hasEnded: false };
      tokens.push(step.value);
    }
  } finally {
    await turns.run(() => iterator.return(undefined));
  }
}

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

function createGrammarStates({ module, llama }: LlamaEngine, model: LlamaModel): GrammarStates {
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
