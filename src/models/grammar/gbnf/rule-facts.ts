import type { Expression } from './expression.ts';

/** The rules of a grammar by name. */
export type Rules = ReadonlyMap<string, Expression>;

/** The names of the rules that match at least one text. */
export function productiveRules(rules: Rules): ReadonlySet<string> {
  return rulesThat(rules, (expression, known) => holds(expression, true, () => true, known));
}

/** The names of the rules that match the empty text. */
export function nullableRules(rules: Rules): ReadonlySet<string> {
  return rulesThat(rules, isNullable);
}

/** True when the expression matches the empty text, given the rules that do. */
export function isNullable(expression: Expression, nullable: ReadonlySet<string>): boolean {
  return holds(expression, false, (text) => text === '', nullable);
}

/** The names of the rules that an expression names, in order. */
export function namesIn(expression: Expression): readonly string[] {
  const names: string[] = [];
  collectNames(expression, names);
  return names;
}

function collectNames(expression: Expression, names: string[]): void {
  switch (expression.kind) {
    case 'literal':
    case 'class':
      return;
    case 'sequence':
      for (const part of expression.parts) collectNames(part, names);
      return;
    case 'alternatives':
      for (const option of expression.options) collectNames(option, names);
      return;
    case 'repeat':
      collectNames(expression.part, names);
      return;
    case 'rule':
      names.push(expression.name);
  }
}

/** The names of the rules that an expression can begin with, given the rules that match the empty text. */
export function* firstNamesIn(expression: Expression, nullable: ReadonlySet<string>): Generator<string> {
  switch (expression.kind) {
    case 'literal':
    case 'class':
      return;
    case 'sequence':
      for (const part of expression.parts) {
        yield* firstNamesIn(part, nullable);
        if (!isNullable(part, nullable)) return;
      }
      return;
    case 'alternatives':
      for (const option of expression.options) yield* firstNamesIn(option, nullable);
      return;
    case 'repeat':
      yield* firstNamesIn(expression.part, nullable);
      return;
    case 'rule':
      yield expression.name;
  }
}

/** The smallest set of rules that `test` holds for, where it may look at the set; a rule is tested again when one it names is found. */
function rulesThat(
  rules: Rules,
  test: (expression: Expression, known: ReadonlySet<string>) => boolean,
): ReadonlySet<string> {
  const namedBy = new Map<string, string[]>();
  for (const [name, expression] of rules) {
    for (const named of new Set(namesIn(expression))) {
      const list = namedBy.get(named);
      if (list === undefined) namedBy.set(named, [name]);
      else list.push(name);
    }
  }
  const known = new Set<string>();
  const open = [...rules.keys()];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const expression = rules.get(name);
    if (expression === undefined || known.has(name) || !test(expression, known)) continue;
    known.add(name);
    for (const other of namedBy.get(name) ?? []) if (!known.has(other)) open.push(other);
  }
  return known;
}

function holds(
  expression: Expression,
  ofClass: boolean,
  ofLiteral: (text: string) => boolean,
  known: ReadonlySet<string>,
): boolean {
  switch (expression.kind) {
    case 'literal':
      return ofLiteral(expression.text);
    case 'class':
      return ofClass;
    case 'sequence':
      return expression.parts.every((part) => holds(part, ofClass, ofLiteral, known));
    case 'alternatives':
      return expression.options.some((option) => holds(option, ofClass, ofLiteral, known));
    case 'repeat':
      return expression.min === 0 || holds(expression.part, ofClass, ofLiteral, known);
    case 'rule':
      return known.has(expression.name);
  }
}
