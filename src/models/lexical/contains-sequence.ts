/** True when `wanted` stands in `words` without a gap; in linear time, by Knuth, Morris and Pratt. */
export function containsSequence(words: readonly string[], wanted: readonly string[]): boolean {
  if (wanted.length === 0) return true;
  const borders = bordersOf(wanted);
  let matched = 0;
  for (const word of words) {
    matched = extend(wanted, borders, matched, word);
    if (matched === wanted.length) return true;
  }
  return false;
}

/** For each prefix of `wanted`, the length of the longest proper prefix that is its suffix too. */
function bordersOf(wanted: readonly string[]): number[] {
  const borders = [0];
  for (let length = 1; length < wanted.length; length++) {
    borders.push(extend(wanted, borders, borders[length - 1] ?? 0, wanted[length]));
  }
  return borders;
}

function extend(wanted: readonly string[], borders: readonly number[], from: number, word: string | undefined): number {
  let matched = from;
  while (matched > 0 && wanted[matched] !== word) matched = borders[matched - 1] ?? 0;
  return wanted[matched] === word ? matched + 1 : matched;
}
