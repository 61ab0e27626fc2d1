import {
  ANY_CHARACTER,
  type CodePointRange,
  type CodePointSet,
  codePointSet,
  codePointsOf,
  subtractSet,
  uniteSets,
} from '../../gbnf/code-points.ts';

const range = (ends: string): CodePointRange => [ends.codePointAt(0) ?? 0, ends.codePointAt(1) ?? 0];
const asciiSet = (...ends: readonly string[]): CodePointSet => codePointSet(ends.map(range));

const LETTERS = asciiSet('az', 'AZ');

/** `\d`. */
export const DIGITS: CodePointSet = asciiSet('09');

/** `\w`. */
export const WORD_CHARACTERS: CodePointSet = uniteSets(LETTERS, DIGITS, codePointsOf('_'));

/** `\s`: white space and line ends as ECMAScript has them. */
export const SPACES: CodePointSet = uniteSets(
  codePointsOf('\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff'),
  codePointSet([[0x2000, 0x200a]]),
);

/** What ends a line for `.`, and for `^` and `$` under the flag m. */
export const LINE_ENDS: CodePointSet = codePointsOf('\n\r\u2028\u2029');

/** `.` without the flag s. */
export const NOT_LINE_ENDS: CodePointSet = subtractSet(ANY_CHARACTER, LINE_ENDS);

/** `\h`: white space within a line, as Perl has it. */
export const HORIZONTAL_SPACES: CodePointSet = uniteSets(
  codePointsOf('\t \u00a0\u1680\u180e\u202f\u205f\u3000'),
  codePointSet([[0x2000, 0x200a]]),
);

const PUNCTUATION = asciiSet('!/', ':@', '[`', '{~');

/** `[:name:]`, of ASCII, as in the POSIX locale. */
export const POSIX_CLASSES: ReadonlyMap<string, CodePointSet> = new Map([
  ['alnum', uniteSets(LETTERS, DIGITS)],
  ['alpha', LETTERS],
  ['ascii', codePointSet([[1, 0x7f]])],
  ['blank', codePointsOf('\t ')],
  [
    'cntrl',
    codePointSet([
      [1, 0x1f],
      [0x7f, 0x7f],
    ]),
  ],
  ['digit', DIGITS],
  ['graph', codePointSet([[0x21, 0x7e]])],
  ['lower', asciiSet('az')],
  ['print', codePointSet([[0x20, 0x7e]])],
  ['punct', PUNCTUATION],
  ['space', codePointsOf('\t\n\v\f\r ')],
  ['upper', asciiSet('AZ')],
  ['word', WORD_CHARACTERS],
  ['xdigit', asciiSet('09', 'af', 'AF')],
]);
