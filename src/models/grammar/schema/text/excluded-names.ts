import { alternatives, type Expression, literal, NEVER, repeat, sequence } from '../../gbnf/expression.ts';
import type { RuleSet } from '../../gbnf/rule-set.ts';
import { anyCharacterBut, isStorable } from './json-text.ts';

/** Names beyond these lengths, each and in all, are excluded by the check only: the grammar would be large. */
const LONGEST_NAME = 100;
const MOST_CHARACTERS = 10_000;

/** A JSON string that is none of these names. */
export function anyNameBut(names: readonly string[], rules: RuleSet, character: Expression): Expression {
  const rest = rules.add('rest-of-name', sequence(repeat(character, 0, undefined), literal('"')));
  const excluded: (readonly string[])[] = [];
  let characters = 0;
  for (const name of names) {
    characters += name.length;
    if (characters > MOST_CHARACTERS) break;
    if (name.length <= LONGEST_NAME && isStorable(name)) excluded.push(Array.from(name));
  }
  return sequence(literal('"'), differing(excluded, 0, rules, rest));
}

/** What may follow the first `index` characters, which all of these names have in common, up to the closing quote. */
function differing(names: readonly (readonly string[])[], index: number, rules: RuleSet, rest: Expression): Expression {
  const groups = new Map<string, (readonly string[])[]>();
  let isName = false;
  for (const name of names) {
    const character = name[index];
    const group = character === undefined ? undefined : groups.get(character);
    if (character === undefined) isName = true;
    else if (group === undefined) groups.set(character, [name]);
    else group.push(name);
  }
  const options = [
    isName ? NEVER : literal('"'),
    sequence(anyCharacterBut([...groups.keys()]), rest),
    ...[...groups].map(([character, group]) =>
      sequence(literal(JSON.stringify(character).slice(1, -1)), differing(group, index + 1, rules, rest)),
    ),
  ];
  return rules.add('name', alternatives(options));
}
