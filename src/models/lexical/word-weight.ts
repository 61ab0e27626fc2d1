/**
 * English words that say little about what a text is about, most frequent first.
 *
 * A model that sees one text at a time cannot learn which words are common; without these, "how does the" would decide.
 */
const FUNCTION_WORDS: ReadonlySet<string> = new Set(
  (
    'the of and to a in is it that for on with as are was be by this at from or an not but have has had they you he she we ' +
    'i his her its their our your my me him them us will would can could should may might must do does did done so if then ' +
    'than there here when where which who whom whose what how why all any each some no nor only also into out up down over ' +
    'about after before between through during under again once such other own same too very just been being were these ' +
    'those s t d ll re ve don doesn isn wasn aren'
  ).split(' '),
);

const FUNCTION_WORD_WEIGHT = 0.2;

/** How much a word counts against others: 1, or much less for words that only hold sentences together; never 0. */
export function wordWeight(word: string): number {
  return FUNCTION_WORDS.has(word) ? FUNCTION_WORD_WEIGHT : 1;
}
