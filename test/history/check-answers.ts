import type { Answer } from './handlers.ts';
import type { Change } from './journal.ts';
import type { Report } from './violation.ts';

/** Checks that each result was computed for the request that has it, and by the worker that had claimed it. */
export function checkAnswers(
  answers: readonly Answer[],
  lives: ReadonlyMap<string, readonly Change[]>,
  report: Report,
): void {
  const byText = new Map<string, Answer[]>();
  for (const answer of answers) {
    const same = byText.get(answer.text);
    if (same === undefined) byText.set(answer.text, [answer]);
    else same.push(answer);
  }
  for (const [requestId, changes] of lives) {
    const given = byText.get(changes[0]?.text ?? '') ?? [];
    let claimer: string | undefined;
    for (const { before, after, actor } of changes) {
      if (before?.status === 'pending' && after?.status === 'processing') claimer = actor;
      if (before?.status !== 'processing' || after?.status !== 'completed') continue;
      const result = after.result ?? '';
      const equal = given.filter(({ value }) => isResult(result, value));
      if (equal.length === 0)
        report('answer', requestId, `no model gave this answer to "${changes[0]?.text}": ${result}`);
      else if (!equal.some((answer) => answer.actor === claimer)) {
        report('answer', requestId, `claimed by ${claimer}, answered by ${equal[0]?.actor}: ${result}`);
      }
    }
  }
}

/** Whether the text is what the engine makes of that answer. */
function isResult(result: string, value: Answer['value']): boolean {
  if (typeof value === 'string') return result === value;
  const numbers = numbersOf(result);
  // A ranking comes best first.
  const expected = Array.isArray(JSON.parse(result)[0]) ? [...value].sort((a, b) => b - a) : value;
  return (
    numbers.length === expected.length &&
    numbers.every((number, n) => Math.fround(number) === Math.fround(expected[n] ?? Number.NaN))
  );
}

/** The numbers of a vector, or the scores of a ranking. */
function numbersOf(result: string): number[] {
  const parsed: unknown = JSON.parse(result);
  if (!Array.isArray(parsed)) return [];
  return parsed.map((item: unknown) => Number(Array.isArray(item) ? item[1] : item));
}
