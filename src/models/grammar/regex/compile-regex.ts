import { printGrammar } from '../gbnf/print-grammar.ts';
import { createRuleSet } from '../gbnf/rule-set.ts';
import { type OutputGrammar, Refused } from '../output-grammar.ts';
import { addAutomaton } from './automaton-rules.ts';
import { exactLanguage, isEmptyLanguage, type Language, looserLanguage } from './language.ts';
import { createAnswerBudget, fullTester, refuseUntestable } from './pattern-tester.ts';
import { parsePattern } from './read/parse-pattern.ts';
import { OutOfSteps } from './step-budget.ts';

/**
 * The grammar of the texts that a pattern matches from their first to their last character. Finished texts are checked
 * by another engine than the one that the grammar came from, unless the pattern looks around.
 *
 * @throws Refused for a pattern that is not supported, not valid, or that no text matches but perhaps the empty one.
 */
export function compileRegex(pattern: string): OutputGrammar {
  const tree = parsePattern(pattern);
  const exact = exactLanguage(tree);
  refuseUntestable(tree, () => exact);
  const language = exact ?? looserLanguage(tree);
  refuseEmptyResults(language);
  const ruleSet = createRuleSet();
  ruleSet.define('root', addAutomaton(ruleSet, 's', language));
  const tester = fullTester(tree, { exact: () => exact, budget: createAnswerBudget });
  return {
    gbnf: printGrammar(ruleSet.rules),
    problemOf(text) {
      try {
        return tester.test(text) ? undefined : 'The model gave a text that the pattern does not match';
      } catch (error) {
        if (error instanceof OutOfSteps) return 'The model gave a text too long to be held against the pattern';
        throw error;
      }
    },
  };
}

function refuseEmptyResults(language: Language): void {
  if (isEmptyLanguage(language)) throw new Refused('Pattern matches no text at all');
  if (language[0]?.edges.length === 0) throw new Refused('Pattern matches only the empty text');
}
