import { alternatives, type Expression, literal, sequence } from '../../gbnf/expression.ts';

/**
 * Exactly these texts, with common beginnings written once, in the order given: the engine follows every option at
 * once, so options must differ in their first character. `share` may put a part into a rule of its own.
 */
export function literalTrie(
  texts: readonly string[],
  share: (part: Expression) => Expression = (part) => part,
): Expression {
  return trieFrom(
    [...new Set(texts)].map((text) => Array.from(text)),
    0,
    share,
  );
}

function trieFrom(
  texts: readonly (readonly string[])[],
  start: number,
  share: (part: Expression) => Expression,
): Expression {
  const [first, ...others] = texts;
  if (first === undefined) return alternatives([]);
  if (others.length === 0) return literal(first.slice(start).join(''));
  let end = start;
  while (end < first.length && others.every((text) => text[end] === first[end])) end += 1;
  const groups = new Map<string | undefined, (readonly string[])[]>();
  for (const text of texts) {
    const group = groups.get(text[end]);
    if (group === undefined) groups.set(text[end], [text]);
    else group.push(text);
  }
  const options = [...groups.values()].map((group) => trieFrom(group, end, share));
  return sequence(literal(first.slice(start, end).join('')), share(alternatives(options)));
}
