import { existsSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { REQUEST_FUNCTIONS, type RequestFunction } from '../../src/core/request-functions.ts';
import { defineModel } from '../../src/models/define-model.ts';
import { failed, type ItemCost, type ItemOutcome, invalid, succeeded, unavailable } from '../../src/models/outcome.ts';
import type { GenerateItem, Model } from '../../src/models/port.ts';
import { hasStep, numberOf, parseSteps, type TestStep } from './test-steps.ts';

/** What the test runtime was asked, since its creation and in this process only. */
export interface TestCalls {
  /** Calls of methods, and the items in them. */
  calls: number;
  items: number;
  /** Calls in progress now, and the most there ever were. */
  running: number;
  mostRunning: number;
  /** Models loaded and closed. */
  loads: number;
  closes: number;
  /** Every text, prompt or query, in the order asked. */
  readonly texts: string[];
}

export interface TestModelOptions {
  readonly name: string;
  readonly dimensions: number;
  readonly maxBatch: number;
  readonly generateBatch: number;
  readonly maxConcurrency: number;
  readonly isCacheable: boolean;
  readonly functions: readonly RequestFunction[];
  readonly calls: TestCalls;
}

/** Tries per text, for the `-times` steps. */
type Tries = Map<string, number>;

/** A model that does what its texts say; see `test-steps.ts`. */
export function createTestModel(options: TestModelOptions): Model {
  const { name, dimensions, maxBatch, generateBatch, maxConcurrency, isCacheable, functions, calls } = options;
  const tries: Tries = new Map();
  const method = <Item, Value>(textOf: (item: Item) => string, answer: (item: Item, steps: TestStep[]) => Value) => ({
    maxBatch,
    run: (items: readonly Item[], signal: AbortSignal) => runCall({ items, textOf, answer, signal, tries, calls }),
  });
  const generateFunctions = REQUEST_FUNCTIONS.filter((fn) => fn !== 'embed' && fn !== 'rerank');
  const served = generateFunctions.filter((fn) => functions.includes(fn));
  return defineModel({
    name,
    runtime: 'test',
    fingerprint: `${name} ${dimensions}`,
    isCacheable,
    maxConcurrency,
    ...(functions.includes('embed') && {
      embed: {
        dimensions,
        ...method(
          (text: string) => text,
          (text, steps) => vectorOf(text, dimensions, steps, name),
        ),
      },
    }),
    ...(functions.includes('rerank') && {
      rerank: method(
        ({ query }) => query,
        ({ query, documents }, steps) => scoresOf(query, documents, steps),
      ),
    }),
    ...(served.length > 0 && {
      generate: { functions: served, ...method(({ prompt }: GenerateItem) => prompt, textOf), maxBatch: generateBatch },
    }),
    async close() {
      calls.closes++;
    },
  });
}

interface Call<Item, Value> {
  readonly items: readonly Item[];
  readonly textOf: (item: Item) => string;
  readonly answer: (item: Item, steps: TestStep[]) => Value;
  readonly signal: AbortSignal;
  readonly tries: Tries;
  readonly calls: TestCalls;
}

async function runCall<Item, Value>(call: Call<Item, Value>): Promise<ItemOutcome<Value>[]> {
  const { items, textOf, answer, signal, tries, calls } = call;
  calls.calls++;
  calls.items += items.length;
  calls.running++;
  calls.mostRunning = Math.max(calls.mostRunning, calls.running);
  try {
    const outcomes: ItemOutcome<Value>[] = [];
    for (const item of items) {
      const text = textOf(item);
      const steps = parseSteps(text);
      calls.texts.push(text);
      await pass(steps, signal);
      outcomes.push(refusalIn(text, steps, tries) ?? succeeded(answer(item, steps), costOf(steps)));
    }
    return items.some((item) => hasStep(parseSteps(textOf(item)), 'wrong-count')) ? outcomes.slice(1) : outcomes;
  } finally {
    calls.running--;
  }
}

/** Runs the steps that take time or end the call. */
async function pass(steps: readonly TestStep[], signal: AbortSignal): Promise<void> {
  if (hasStep(steps, 'die')) process.kill(process.pid, 'SIGKILL');
  if (hasStep(steps, 'throw')) throw new Error('The test runtime was told to throw');
  if (hasStep(steps, 'hang-deaf')) await new Promise<never>(() => undefined);
  if (hasStep(steps, 'hang')) await delay(2 ** 31 - 1, undefined, { signal });
  const sleepMs = numberOf(steps, 'sleep');
  if (sleepMs !== undefined) await delay(sleepMs, undefined, { signal });
  const file = steps.find(({ name }) => name === 'wait-for')?.argument;
  while (file !== undefined && !existsSync(file)) await delay(5, undefined, { signal });
  const blockMs = numberOf(steps, 'block');
  if (blockMs !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs);
}

function refusalIn(text: string, steps: readonly TestStep[], tries: Tries): ItemOutcome<never> | undefined {
  const before = tries.get(text) ?? 0;
  tries.set(text, before + 1);
  if (hasStep(steps, 'invalid')) return invalid('The test runtime was told that this is invalid');
  if (hasStep(steps, 'fail') || before < (numberOf(steps, 'fail-times') ?? 0)) {
    return failed('The test runtime was told to fail');
  }
  if (hasStep(steps, 'unavailable') || before < (numberOf(steps, 'unavailable-times') ?? 0)) {
    const argument = steps.find(({ name }) => name === 'unavailable')?.argument;
    const retryAfter = argument === undefined ? {} : { retryAfterMs: Number(argument) };
    return unavailable('The test runtime was told to be unavailable', retryAfter);
  }
  return undefined;
}

function costOf(steps: readonly TestStep[]): ItemCost {
  const tokens = numberOf(steps, 'tokens');
  return tokens === undefined ? {} : { tokens, isTruncated: hasStep(steps, 'truncated') };
}

/** The vector that `test/model`, or another model of the test runtime, makes of a text. */
export function testVectorOf(text: string, model: string, dimensions = 8): Float32Array {
  return vectorOf(text, dimensions, parseSteps(text), model);
}

/** Equal texts get equal vectors of one model; texts of other lengths or letters, and other models, most likely others. */
function vectorOf(text: string, dimensions: number, steps: readonly TestStep[], model: string): Float32Array {
  let salt = 0;
  if (model !== 'test/model') for (const char of model) salt = (salt * 31 + char.charCodeAt(0)) % 1_009;
  const length = hasStep(steps, 'wrong-dimension') ? dimensions + 1 : dimensions;
  const values = Array.from({ length }, (_, index) => {
    let sum = index + 1 + salt;
    for (let at = index % 7; at < text.length; at += 7) sum = (sum * 31 + text.charCodeAt(at)) % 1_009;
    return sum - 504.5;
  });
  const norm = hasStep(steps, 'unnormalised') ? 1 : Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const vector = Float32Array.from(values, (value) => value / norm);
  if (hasStep(steps, 'zero')) vector.fill(0);
  if (hasStep(steps, 'nan')) vector[0] = Number.NaN;
  return vector;
}

/** The share of the query's words that each document holds. */
function scoresOf(query: string, documents: readonly string[], steps: readonly TestStep[]): number[] {
  const words = query.split(/\s+/).filter((word) => word !== '' && !word.startsWith('!'));
  const scores = documents.map((document) => {
    if (hasStep(steps, 'nan')) return Number.NaN;
    const held = words.filter((word) => document.includes(word)).length;
    return numberOf(steps, 'score') ?? (words.length === 0 ? 0 : held / words.length);
  });
  return hasStep(steps, 'wrong-scores') ? scores.slice(1) : scores;
}

/** What `!answer:` says, else the prompt itself, as JSON, or as the first choice. */
function textOf({ prompt, output }: GenerateItem, steps: readonly TestStep[]): string {
  const answer = steps.find(({ name }) => name === 'answer')?.argument;
  if (answer !== undefined) return answer;
  if (output.kind === 'json') return JSON.stringify({ prompt });
  if (output.kind === 'choice') return output.choices[0] ?? '';
  return prompt;
}
