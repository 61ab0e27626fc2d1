import type { Expression } from '../gbnf/expression.ts';
import { namesIn, type Rules } from '../gbnf/rule-facts.ts';
import { GrammarTooLarge } from '../output-grammar.ts';
import type { Conflict } from './union-expression.ts';

/** Each level may double what the engine follows. */
const MOST_DOUBLINGS = 10;

/**
 * Nothing, unless two options that the engine follows side by side both lead back to the rule that they are options of:
 * then each level of nesting doubles what it follows, until it runs out of memory.
 *
 * @throws GrammarTooLarge
 */
export function refuseAmbiguity(rules: Rules, conflicts: readonly (Conflict & { readonly rule: string })[]): void {
  const component = componentsOf(rules);
  refuseDeepConflicts(rules, component, conflicts);
  for (const { rule, heads, tails } of conflicts) {
    const leadsBack = (part: Expression) => namesIn(part).some((name) => component.get(name) === component.get(rule));
    if (heads.every(leadsBack) || tails?.every(leadsBack) === true) {
      throw new GrammarTooLarge(
        'The schema refers to itself in alternatives that begin alike, which takes too long to follow: ' +
          'let them differ in a property that comes first',
      );
    }
  }
}

/** @throws GrammarTooLarge where options side by side stand within options side by side, too many levels deep. */
function refuseDeepConflicts(
  rules: Rules,
  component: ReadonlyMap<string, number>,
  conflicts: readonly (Conflict & { readonly rule: string })[],
): void {
  const isDoubled = new Set<number | undefined>();
  for (const { rule, heads, tails } of conflicts) {
    const isLasting = tails !== undefined || heads.every((head) => namesIn(head).length > 0);
    if (isLasting) isDoubled.add(component.get(rule));
  }
  const depths = new Map<number, number>();
  // a component is complete after those that it leads to, so they come first
  for (const [name, own] of component) {
    let below = 0;
    const expression = rules.get(name);
    for (const next of expression === undefined ? [] : namesIn(expression)) {
      const other = component.get(next);
      if (other !== undefined && other !== own) below = Math.max(below, depths.get(other) ?? 0);
    }
    const depth = below + (isDoubled.has(own) ? 1 : 0);
    if (depth > MOST_DOUBLINGS) {
      throw new GrammarTooLarge(
        `The schema has alternatives that begin alike within such alternatives, more than ${MOST_DOUBLINGS} levels deep`,
      );
    }
    depths.set(own, Math.max(depth, depths.get(own) ?? 0));
  }
}

/** Rules that can reach each other have one number (Tarjan's algorithm, without recursion); those reached come first. */
function componentsOf(rules: Rules): ReadonlyMap<string, number> {
  const component = new Map<string, number>();
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  for (const start of rules.keys()) {
    if (order.has(start)) continue;
    const path: { readonly name: string; readonly next: Iterator<string> }[] = [];
    const enter = (name: string) => {
      lowest.set(name, order.size);
      order.set(name, order.size);
      stack.push(name);
      const expression = rules.get(name);
      path.push({ name, next: (expression === undefined ? [] : namesIn(expression))[Symbol.iterator]() });
    };
    const lower = (name: string, value: number) => lowest.set(name, Math.min(lowest.get(name) ?? value, value));
    enter(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const step = top.next.next();
      if (step.done !== true) {
        if (!order.has(step.value)) enter(step.value);
        else if (!component.has(step.value)) lower(top.name, order.get(step.value) ?? 0);
        continue;
      }
      path.pop();
      const low = lowest.get(top.name) ?? 0;
      const parent = path.at(-1);
      if (parent !== undefined) lower(parent.name, low);
      if (low !== order.get(top.name)) continue;
      for (let name = stack.pop(); name !== undefined; name = stack.pop()) {
        component.set(name, low);
        if (name === top.name) break;
      }
    }
  }
  return component;
}
