import { codePointOf } from '../gbnf/code-points.ts';
import { printGrammar } from '../gbnf/print-grammar.ts';
import { createRuleSet } from '../gbnf/rule-set.ts';
import { GrammarTooLarge, type OutputGrammar, Refused } from '../output-grammar.ts';
import type { Automaton, AutomatonEdge } from '../regex/automaton.ts';
import { addAutomaton } from '../regex/automaton-rules.ts';

/** Most UTF-16 units of all choices together, beginnings that they share included. */
const LONGEST_CHOICES = 1_000_000;

/**
 * The grammar of some choices, byte for byte. Beginnings that choices share are followed once, so that a thousand of
 * them cost the engine little more than two.
 *
 * @throws Refused for a choice that no result can hold: one with a zero character or half a surrogate pair.
 * @throws GrammarTooLarge for more text than a grammar may have.
 */
export function compileChoice(choices: readonly string[]): OutputGrammar {
  choices.forEach((choice, index) => {
    if (!choice.includes('\0') && choice.isWellFormed()) return;
    throw new Refused(`Choice ${index + 1} has a character that PostgreSQL cannot hold`);
  });
  const length = choices.reduce((sum, choice) => sum + choice.length, 0);
  if (length > LONGEST_CHOICES) {
    throw new GrammarTooLarge(`The choices are too large to be enforced: more than ${LONGEST_CHOICES} characters`);
  }
  const ruleSet = createRuleSet();
  ruleSet.define('root', addAutomaton(ruleSet, 'c', treeOf(choices)));
  const allowed = new Set(choices);
  return {
    gbnf: printGrammar(ruleSet.rules),
    problemOf: (text) => (allowed.has(text) ? undefined : 'The model gave none of the choices'),
  };
}

/** One state for each beginning of a choice. */
function treeOf(choices: readonly string[]): Automaton {
  const states: { isEnd: boolean; readonly edges: AutomatonEdge[]; readonly next: Map<string, number> }[] = [];
  const add = () => states.push({ isEnd: false, edges: [], next: new Map() }) - 1;
  add();
  for (const choice of choices) {
    let state = states[0];
    for (const character of choice) {
      let to = state?.next.get(character);
      if (to === undefined) {
        to = add();
        const point = codePointOf(character);
        state?.next.set(character, to);
        state?.edges.push({ set: [[point, point]], to });
      }
      state = states[to];
    }
    if (state !== undefined) state.isEnd = true;
  }
  return states;
}
