import { Refused } from '../refused.ts';
import type { Expression } from './expression.ts';
import { firstNamesIn, isNullable, nullableRules, type Rules } from './rule-facts.ts';

/**
 * Nothing, when no rule can reach itself without a character in between: the engine fails on such grammars.
 *
 * @throws Refused for a rule that does.
 * @throws Error where something that matches the empty text is repeated without bound, which is a fault of the caller.
 */
export function refuseLeftRecursion(rules: Rules): void {
  const nullable = nullableRules(rules);
  for (const [name, expression] of rules) refuseEmptyLoops(name, expression, nullable);
  const done = new Set<string>();
  const onPath = new Set<string>();
  for (const start of rules.keys()) {
    const path = [{ name: start, next: firstNames(rules, start, nullable) }];
    onPath.add(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { value, done: isDone } = top.next.next();
      if (isDone === true) {
        path.pop();
        onPath.delete(top.name);
        done.add(top.name);
      } else if (onPath.has(value)) {
        throw new Refused('The output refers to itself with nothing in between, so no text could ever be complete');
      } else if (!done.has(value)) {
        path.push({ name: value, next: firstNames(rules, value, nullable) });
        onPath.add(value);
      }
    }
  }
}

function firstNames(rules: Rules, name: string, nullable: ReadonlySet<string>): Iterator<string, undefined> {
  const expression = rules.get(name);
  return (expression === undefined ? [] : [...firstNamesIn(expression, nullable)])[Symbol.iterator]();
}

function refuseEmptyLoops(name: string, expression: Expression, nullable: ReadonlySet<string>): void {
  switch (expression.kind) {
    case 'literal':
    case 'class':
    case 'rule':
      return;
    case 'sequence':
      for (const part of expression.parts) refuseEmptyLoops(name, part, nullable);
      return;
    case 'alternatives':
      for (const option of expression.options) refuseEmptyLoops(name, option, nullable);
      return;
    case 'repeat':
      if (expression.max === undefined && isNullable(expression.part, nullable)) {
        throw new Error(`Rule ${name} repeats without bound what may be empty`);
      }
      refuseEmptyLoops(name, expression.part, nullable);
  }
}
