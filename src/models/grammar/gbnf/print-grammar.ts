import { Refused } from '../output-grammar.ts';
import type { CodePointSet } from './code-points.ts';
import { type Expression, repeat, ruleRef, sequence } from './expression.ts';
import { GRAMMAR_BUDGET, type GrammarBudget, keepWithin } from './grammar-budget.ts';
import { pruneRules } from './prune-rules.ts';
import { keepLeftmostPathsWithin, refuseLeftRecursion } from './refuse-left-recursion.ts';
import type { Rules } from './rule-facts.ts';

/**
 * Most repetitions written as one operator. The engine refuses 2,000 rules out of one operator and takes a greater
 * maximum for no maximum at all.
 */
const MOST_REPETITIONS = 1_000;

/**
 * The grammar as GBNF in ASCII, `root` first and only what it needs, the same text for the same rules.
 *
 * @throws Refused when no text matches, or when a rule reaches itself with nothing in between.
 * @throws GrammarTooLarge beyond the budget.
 */
export function printGrammar(rules: Rules, budget: GrammarBudget = GRAMMAR_BUDGET): string {
  keepWithin(budget, rules);
  const pruned = pruneRules(rules);
  if (pruned === undefined) throw new Refused('No text at all could be the output');
  refuseLeftRecursion(pruned);
  keepLeftmostPathsWithin(budget.leftmostPaths, pruned);
  const lines: string[] = [];
  const names = new Set(pruned.keys());
  for (const [name, expression] of pruned) lines.push(...linesOf(name, expression, names));
  return `${lines.join('\n')}\n`;
}

/** The line of a rule, followed by those of the rules that its repetitions are split into. */
function linesOf(ruleName: string, root: Expression, names: Set<string>): string[] {
  const lines: string[] = [];

  const split = (expression: Expression): Expression => {
    let count = 1;
    while (names.has(`${ruleName}-${count}`)) count += 1;
    const name = `${ruleName}-${count}`;
    names.add(name);
    lines.push(...linesOf(name, expression, names));
    return ruleRef(name);
  };

  /** Nothing when one operator can say it. */
  const smallerRepeats = (expression: Expression & { kind: 'repeat' }): Expression | undefined => {
    const { part, min, max } = expression;
    const times = Math.max(1, max ?? min);
    if (!isAtom(part) && (rulesOf(part) + 1) * times > MOST_REPETITIONS) return repeat(split(part), min, max);
    if (times <= MOST_REPETITIONS) return undefined;
    const block = repeat(part, MOST_REPETITIONS, MOST_REPETITIONS);
    if (min > 0) {
      const blocks = Array.from({ length: Math.floor(min / MOST_REPETITIONS) }, () => block);
      const rest = repeat(part, min % MOST_REPETITIONS, min % MOST_REPETITIONS);
      return sequence(...blocks, rest, repeat(part, 0, max === undefined ? undefined : max - min));
    }
    let tail = repeat(part, 0, (max ?? 0) % MOST_REPETITIONS);
    for (let left = Math.floor((max ?? 0) / MOST_REPETITIONS); left > 0; left -= 1) {
      tail = split({
        kind: 'alternatives',
        options: [repeat(part, 0, MOST_REPETITIONS - 1), sequence(block, tail)],
      });
    }
    return tail;
  };

  const print = (expression: Expression, isInside: boolean): string => {
    switch (expression.kind) {
      case 'literal':
        return quoteLiteral(expression.text);
      case 'class':
        return bracketClass(expression.set);
      case 'rule':
        return expression.name;
      case 'sequence': {
        const text = expression.parts.map((part) => print(part, part.kind === 'alternatives')).join(' ');
        return isInside ? `(${text})` : text;
      }
      case 'alternatives': {
        const text = expression.options.map((option) => print(option, false)).join(' | ');
        return isInside ? `(${text})` : text;
      }
      case 'repeat': {
        const smaller = smallerRepeats(expression);
        if (smaller !== undefined) return print(smaller, isInside);
        const part = print(expression.part, true);
        return `${expression.part.kind === 'repeat' ? `(${part})` : part}${operatorOf(expression)}`;
      }
    }
  };

  const line = `${ruleName} ::= ${print(root, false)}`;
  return [line, ...lines];
}

function operatorOf({ min, max }: { readonly min: number; readonly max: number | undefined }): string {
  if (max === undefined) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`;
  if (min === 0 && max === 1) return '?';
  return min === max ? `{${min}}` : `{${min},${max}}`;
}

function isAtom({ kind }: Expression): boolean {
  return kind === 'literal' || kind === 'class' || kind === 'rule';
}

/** How many rules the engine makes at most of an expression, beside the one it stands in. */
function rulesOf(expression: Expression): number {
  switch (expression.kind) {
    case 'literal':
    case 'class':
    case 'rule':
      return 0;
    case 'sequence':
      return expression.parts.reduce((sum, part) => sum + rulesOf(part), 0);
    case 'alternatives':
      return expression.options.reduce((sum, option) => sum + rulesOf(option), 1);
    case 'repeat':
      return rulesOf(expression.part) + 1 + (expression.max === undefined ? 1 : expression.max - expression.min);
  }
}

const SAFE_IN_LITERALS = /^[ !#-[\]-~]$/;
const SAFE_IN_CLASSES = /^[a-zA-Z0-9]$/;

/** A text as a quoted literal of GBNF, in ASCII. */
function quoteLiteral(text: string): string {
  const escaped = Array.from(text, (character) =>
    SAFE_IN_LITERALS.test(character) ? character : escapePoint(character.codePointAt(0) ?? 0),
  );
  return `"${escaped.join('')}"`;
}

/** A set as a bracket expression of GBNF, in ASCII; never a negated one, which the engine misjudges for split characters. */
function bracketClass(set: CodePointSet): string {
  const ranges = set.map(([first, last]) => {
    if (first === last) return classPoint(first);
    return `${classPoint(first)}${last === first + 1 ? '' : '-'}${classPoint(last)}`;
  });
  return `[${ranges.join('')}]`;
}

function classPoint(point: number): string {
  const character = String.fromCodePoint(point);
  return SAFE_IN_CLASSES.test(character) ? character : escapePoint(point);
}

function escapePoint(point: number): string {
  const hex = point.toString(16).toUpperCase();
  if (point <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return point <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
