import type { ModelMethod } from '../../define-model.ts';
import type { OutputGrammar, OutputRefusal } from '../../grammar/output-grammar.ts';
import { undecodableIn } from '../../grammar/undecodable.ts';
import { failed, type ItemOutcome, invalid, succeeded } from '../../outcome.ts';
import type { GenerateItem, GenerateOutput } from '../../port.ts';
import { stripThinking } from '../../strip-thinking.ts';
import { askAlone } from '../batch/ask-alone.ts';
import type { ItemQuarantine } from '../batch/item-quarantine.ts';
import { type CallWork, createCallWork } from '../transport/call-work.ts';
import type { HttpClient } from '../transport/http-client.ts';
import type { HttpProblem } from '../transport/problem.ts';
import type { AskChat, ChatAnswer, ChatRequest, ChatTurn, StructuredOutput } from './chat-api.ts';
import type { Constraint } from './constraints.ts';

/** Answers that are not what was asked for, before the request has failed. */
const MAX_WRONG_ANSWERS = 3;
/** Equal questions get equal answers at 0. */
const RETRY_TEMPERATURE = 0.7;
const MAX_SHOWN_PROBLEM = 300;

export interface GenerateLine {
  readonly client: HttpClient;
  readonly quarantine: ItemQuarantine;
  readonly ask: AskChat;
  compile(output: GenerateOutput): OutputGrammar | OutputRefusal | undefined;
  /** The ways to hold the server to an output, strictest first, the last without any field of its own. */
  constraintsFor(output: StructuredOutput, grammar: OutputGrammar, signal: AbortSignal): Promise<readonly Constraint[]>;
  /** True when what a server refuses once it always refuses, whatever the schema. */
  readonly isRefusalLasting: boolean;
}

/**
 * The generate method of a model on a server, one text at a time, at temperature 0. A text has the caller's limit, a little less, so that
 * the server is asked whether it answers at all before the text is given up; 600 s without one.
 *
 * An output other than plain is held to by the server where it can, and checked in any case; a wrong one is asked for twice
 * more with another seed. One that is cut off by `max_tokens` fails.
 */
export function generateThrough(line: GenerateLine): ModelMethod<GenerateItem, string> {
  const refusedNames = new Set<Constraint['name']>();

  async function generate(item: GenerateItem, work: CallWork, signal: AbortSignal): Promise<ItemOutcome<string>> {
    const { output } = item;
    if (output.kind === 'plain') return generatePlain(item, work, signal);
    const grammar = line.compile(output);
    if (grammar === undefined) return failed(`There is no grammar for an output of kind ${output.kind}`);
    if ('refusal' in grammar) return invalid(grammar.refusal);
    const all = await line.constraintsFor(output, grammar, signal);
    const constraints = all.filter(({ name }) => !refusedNames.has(name));
    return generateHeld(item, grammar, constraints, work, signal);
  }

  async function generatePlain(item: GenerateItem, work: CallWork, signal: AbortSignal): Promise<ItemOutcome<string>> {
    const request = requestOf(item, [{ role: 'user', content: item.prompt }], 0);
    const key = keyOf(item);
    const reply = await askAlone((asking) => line.ask(request, { ...asking, work }, signal), {
      quarantine: line.quarantine,
      key,
    });
    if (!reply.ok) return { ok: false, error: reply.error };
    const { text, isCut } = reply.answer;
    const failure = failureIn(reply.answer);
    if (failure !== undefined) return failed(failure);
    const answer = stripThinking(text);
    if (answer === undefined || (isCut && answer === '')) {
      return failed(isCut ? cutMessage(item, 'before the answer began') : 'The answer is a thought without an end');
    }
    return succeeded(answer);
  }

  async function generateHeld(
    item: GenerateItem,
    grammar: OutputGrammar,
    ways: readonly Constraint[],
    work: CallWork,
    signal: AbortSignal,
  ): Promise<ItemOutcome<string>> {
    let [constraint, ...weaker] = ways;
    const given: Constraint['name'][] = [];
    let wrong: { readonly text: string; readonly problem: string } | undefined;
    for (let tries = 0; constraint !== undefined && tries < MAX_WRONG_ANSWERS; ) {
      const request = requestOf(item, turnsOf(item, constraint, wrong), tries, constraint);
      const isLastWay = weaker.length === 0;
      const reply = await askAlone((asking) => line.ask(request, { ...asking, work }, signal), {
        quarantine: line.quarantine,
        key: keyOf(item),
        isLastWay,
      });
      if (!reply.ok) {
        const isPutOff = reply.problem.isOverload === true && reply.error.kind !== 'failed';
        if (isLastWay || isPutOff || !isMaybeOfConstraint(reply.problem)) return { ok: false, error: reply.error };
        given.push(constraint.name);
        [constraint, ...weaker] = weaker;
        continue;
      }
      // Not before the server took the weaker: what breaks on every way says nothing of the first.
      if (line.isRefusalLasting) for (const name of given) refusedNames.add(name);
      const failure = failureIn(reply.answer);
      if (failure !== undefined) return failed(failure);
      if (reply.answer.isCut) return failed(cutMessage(item, 'before the output was complete'));
      const text = constraint.read(reply.answer.text);
      const problem = grammar.problemOf(text) ?? undecodableIn(text, item);
      if (problem === undefined) return succeeded(text);
      wrong = { text: reply.answer.text, problem };
      tries += 1;
    }
    const problem = wrong?.problem.slice(0, MAX_SHOWN_PROBLEM) ?? 'it has no way to be asked';
    return failed(`${line.client.endpoint.label} gave no valid output in ${MAX_WRONG_ANSWERS} tries: ${problem}`);
  }

  function failureIn({ text, refusal }: ChatAnswer): string | undefined {
    const { secrets, endpoint } = line.client;
    if (secrets.isIn(text)) return `${endpoint.label} put the key of the request into its answer`;
    return refusal === undefined
      ? undefined
      : `${endpoint.label} gave no answer: ${secrets.mask(refusal).slice(0, 300)}`;
  }

  return {
    run(items, signal, progress) {
      const work = createCallWork(items.length, line.client.clock, progress);
      return Promise.all(items.map((item) => generate(item, work, signal)));
    },
  };
}

function requestOf(
  item: GenerateItem,
  turns: readonly ChatTurn[],
  tries: number,
  constraint?: Constraint,
): ChatRequest {
  return {
    turns,
    maxTokens: item.maxTokens,
    seed: item.seed + tries,
    temperature: tries === 0 ? 0 : RETRY_TEMPERATURE,
    fields: constraint?.fields ?? {},
  };
}

function turnsOf(
  { prompt }: GenerateItem,
  { words }: Constraint,
  wrong: { readonly text: string; readonly problem: string } | undefined,
): ChatTurn[] {
  const first: ChatTurn = { role: 'user', content: words === undefined ? prompt : `${prompt}\n\n${words}` };
  if (words === undefined || wrong === undefined) return [first];
  const reminder = `That is not what was asked for: ${wrong.problem.slice(0, MAX_SHOWN_PROBLEM)}. Answer again.`;
  return [first, { role: 'assistant', content: wrong.text }, { role: 'user', content: reminder }];
}

/** Servers refuse grammars they cannot use as bad requests, or break on them while they answer others. */
function isMaybeOfConstraint({ kind, pulse, isTimeout }: HttpProblem): boolean {
  return kind === 'refused' || (kind === 'failing' && pulse === 'answers' && isTimeout !== true);
}

/** What the server may break on: a text, or the grammar that comes with it. */
function keyOf({ prompt, output }: GenerateItem): string {
  return `${output.kind} ${prompt}`;
}

function cutMessage({ maxTokens }: GenerateItem, when: string): string {
  return `Output was cut off at max_tokens (${maxTokens}) ${when}`;
}
