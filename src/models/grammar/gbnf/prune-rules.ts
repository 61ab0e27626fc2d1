import { alternatives, type Expression, NEVER, repeat, sequence } from './expression.ts';
import { namesIn, productiveRules, type Rules } from './rule-facts.ts';

/**
 * The rules that `root` needs, `root` first, without the options that match nothing. Undefined when `root` itself
 * matches nothing.
 *
 * @throws Error for a name without a rule, which is a fault of the caller.
 */
export function pruneRules(rules: Rules): Rules | undefined {
  for (const [name, expression] of rules) {
    for (const named of namesIn(expression)) {
      if (!rules.has(named)) throw new Error(`Rule ${name} names ${named}, which is not there`);
    }
  }
  const productive = productiveRules(rules);
  if (!productive.has('root')) return undefined;
  const pruned = new Map<string, Expression>();
  const open = ['root'];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const expression = rules.get(name);
    if (pruned.has(name) || expression === undefined) continue;
    const kept = withoutDeadEnds(expression, productive);
    pruned.set(name, kept);
    open.push(...[...namesIn(kept)].reverse());
  }
  return pruned;
}

function withoutDeadEnds(expression: Expression, productive: ReadonlySet<string>): Expression {
  const inner = (part: Expression) => withoutDeadEnds(part, productive);
  switch (expression.kind) {
    case 'literal':
    case 'class':
      return expression;
    case 'sequence':
      return sequence(...expression.parts.map(inner));
    case 'alternatives':
      return alternatives(expression.options.map(inner));
    case 'repeat':
      return repeat(inner(expression.part), expression.min, expression.max);
    case 'rule':
      return productive.has(expression.name) ? expression : NEVER;
  }
}
