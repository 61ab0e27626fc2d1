import { Refused } from '../../output-grammar.ts';

/** What patterns of other dialects have and these do not, each with what to write instead. */
export const UNSUPPORTED = {
  backreference: ['a backreference', 'write out what it may repeat'],
  recursion: ['a recursion', 'write out as many levels as are needed'],
  condition: ['a condition', 'write both cases as alternatives'],
  verb: ['a verb of backtracking', 'use alternatives and lookaheads'],
  code: ['code in a pattern', 'leave it out'],
  balancing: ['a balancing group', 'write out as many levels as are needed'],
  matchStart: ['a reset of the match (\\K)', 'use a lookbehind, (?<=..)'],
  matchEnd: ['the end of the last match (\\G)', 'write ^'],
  grapheme: ['a whole grapheme (\\X)', 'write \\P{M}\\p{M}*'],
  byte: ['a single byte (\\C)', 'write a class'],
  characterName: ['a character by its name', 'write \\x{..} with its number'],
  octal: ['an octal escape', 'write \\x{..}'],
  lineEndInClass: ['\\R in a class', 'write [\\r\\n]'],
  notNewlineInClass: ['\\N in a class', 'write [^\\n]'],
  posixClass: ['a POSIX class of that name', 'write its characters, or \\[ for a bracket'],
  collation: ['a collating element', 'write its characters'],
  emptyClass: ['an empty class', 'write \\] for a bracket in a class'],
  classOperator: ['an operator in a class', 'write a lookahead, such as (?=[a-z])[^aeiou]'],
  flag: ['an inline flag other than i, m, s and x', 'leave it out, or write what it means'],
  repeatedAssertion: ['a repeated assertion', 'leave the repetition out'],
  repeatedRepetition: ['a repetition of a repetition', 'put a group around the inner one: (?:a{2}){3}'],
  atomic: ['an atomic group whose parts can match in several ways', 'write it as (?:..), if that is what is meant'],
  possessive: [
    'a possessive quantifier on a part that can match in several ways',
    'write it without its plus, if that is what is meant',
  ],
  lookInLookbehind: ['a lookahead, \\b or $ inside a lookbehind', 'write it before or after the lookbehind'],
  zero: ['a zero character, which PostgreSQL cannot hold,', 'leave it out'],
  surrogate: ['half a surrogate pair', 'write the whole character as \\x{..}'],
} as const satisfies { [construct: string]: readonly [name: string, advice: string] };

/** The refusal of a construct at a position, counted in characters from 1. */
export function unsupported(construct: keyof typeof UNSUPPORTED, position: number): Refused {
  const [name, advice] = UNSUPPORTED[construct];
  return new Refused(`Pattern not supported: ${name} at position ${position}: ${advice}`);
}
