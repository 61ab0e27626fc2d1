/*
 * The language that steers the test runtime: words that begin with `!` anywhere in a text, prompt or query. SQL can
 * carry them, so that a worker in another process can be steered too. Words without `!` are plain text.
 *
 *   !sleep:200           answer after 200 ms (ends early when aborted)
 *   !wait-for:FILE       answer once there is such a file, see `createFileGate`
 *   !block:200           keep the event loop busy for 200 ms
 *   !hang                never answer; stop when aborted
 *   !hang-deaf           never answer, not even when aborted
 *   !die                 SIGKILL the own process
 *   !fail                this item fails        !fail-times:2       only its first 2 tries do
 *   !invalid             this item is invalid
 *   !unavailable         nobody is charged      !unavailable-times:2
 *   !unavailable:500     the same, asking to be called again after 500 ms
 *   !throw               the whole call rejects, its neighbours' answers with it
 *   !wrong-count         the call gives one answer too few
 *   !wrong-dimension     !nan     !unnormalised     !zero       a bad vector, or a bad score for `nan`
 *   !wrong-scores        one score too few      !score:1.5      that score for every document
 *   !tokens:9            tell that the text took 9 tokens, and was not truncated, or was, with !truncated
 *   !answer:TEXT         generate answers TEXT: all that follows, spaces included, to the end of the prompt
 *
 * Tries are counted per text and process, so a text with `-times` should be used by one test only.
 */

/** One step of a text, such as `sleep` with the argument `200`. */
export interface TestStep {
  readonly name: string;
  readonly argument: string | undefined;
}

const STEP_NAMES: ReadonlySet<string> = new Set([
  'sleep',
  'wait-for',
  'block',
  'hang',
  'hang-deaf',
  'die',
  'fail',
  'fail-times',
  'invalid',
  'unavailable',
  'unavailable-times',
  'throw',
  'wrong-count',
  'wrong-dimension',
  'nan',
  'unnormalised',
  'zero',
  'wrong-scores',
  'score',
  'tokens',
  'truncated',
  'answer',
]);

/** The steps of a text in order; a misspelt one throws, so that no test passes by not being steered. */
export function parseSteps(text: string): TestStep[] {
  const [before = '', ...answer] = text.split(/(?<=^|\s)!answer:/);
  const steps: TestStep[] = [];
  for (const [, name = '', argument] of before.matchAll(/(?<=^|\s)!([a-z][a-z-]*)(?::(\S+))?/g)) {
    if (!STEP_NAMES.has(name)) throw new Error(`The test runtime has no step "!${name}"`);
    steps.push({ name, argument });
  }
  if (answer.length > 0) steps.push({ name: 'answer', argument: answer.join('!answer:') });
  return steps;
}

/** The argument of a step as a number; absent when the text does not have the step. */
export function numberOf(steps: readonly TestStep[], name: string): number | undefined {
  const step = steps.find((candidate) => candidate.name === name);
  return step === undefined ? undefined : Number(step.argument ?? 1);
}

/** Whether the text has the step. */
export function hasStep(steps: readonly TestStep[], name: string): boolean {
  return steps.some((step) => step.name === name);
}
