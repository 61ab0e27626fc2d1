import { printGrammar } from '../gbnf/print-grammar.ts';
import { createRuleSet } from '../gbnf/rule-set.ts';
import type { OutputGrammar } from '../output-grammar.ts';
import { Refused } from '../refused.ts';
import { addAutomaton } from './automaton-rules.ts';
import { fullLanguage, isEmptyLanguage, type Language } from './language.ts';
import { fullTester } from './pattern-tester.ts';
import { parsePattern } from './read/parse-pattern.ts';

/**
 * The grammar of the texts that a pattern matches from their first to their last character. Finished texts are checked
 * by another engine than the one that the grammar came from.
 *
 * @throws Refused for a pattern that is not supported, not valid, or that no text matches but perhaps the empty one.
 */
export function compileRegex(pattern: string): OutputGrammar {
  const language = fullLanguage(pattern);
  refuseEmptyResults(language);
  const ruleSet = createRuleSet();
  ruleSet.define('root', addAutomaton(ruleSet, 's', language));
  const tester = fullTester(parsePattern(pattern));
  return {
    gbnf: printGrammar(ruleSet.rules),
    problemOf: (text) => (tester.test(text) ? undefined : 'The model gave a text that the pattern does not match'),
  };
}

function refuseEmptyResults(language: Language): void {
  if (isEmptyLanguage(language)) throw new Refused('Pattern matches no text at all');
  if (language[0]?.edges.length === 0) throw new Refused('Pattern matches only the empty text');
}
