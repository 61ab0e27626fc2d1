import type { CodePointSet } from '../gbnf/code-points.ts';
import type { PatternTree } from './pattern-tree.ts';

/** RE2 refuses repetitions that multiply to more than 1,000. */
const MOST_REPETITIONS = 1_000;

/** A pattern in the syntax of RE2, which every construct has another spelling in: only sets, groups and counts are used. */
export function re2SourceOf(tree: PatternTree, outerRepetitions = 1): string {
  switch (tree.kind) {
    case 'set':
      return setSource(tree.set);
    case 'start':
      return '\\A';
    case 'end':
      return '\\z';
    case 'look':
      throw new TypeError('RE2 has no lookarounds');
    case 'sequence':
      return tree.parts.map((part) => re2SourceOf(part, outerRepetitions)).join('');
    case 'alternatives':
      return `(?:${tree.options.map((option) => re2SourceOf(option, outerRepetitions)).join('|')})`;
    case 'repeat':
      return repeatSource(tree, outerRepetitions);
  }
}

function repeatSource({ part, min, max }: PatternTree & { kind: 'repeat' }, outer: number): string {
  const most = Math.max(1, Math.floor(MOST_REPETITIONS / outer));
  const times = (count: number, atLeast: (n: number) => number): string => {
    let source = '';
    for (let left = count; left > 0; left -= most) {
      const n = Math.min(left, most);
      source += `(?:${re2SourceOf(part, outer * n)}){${atLeast(n)},${n}}`;
    }
    return source;
  };
  const required = times(min, (n) => n);
  if (max === undefined) return `(?:${required}(?:${re2SourceOf(part, outer)})*)`;
  return `(?:${required}${times(max - min, () => 0)})`;
}

function setSource(set: CodePointSet): string {
  // RE2 has no empty class.
  if (set.length === 0) return '[^\\x{0}-\\x{10FFFF}]';
  return `[${set.map(([first, last]) => `${pointSource(first)}-${pointSource(last)}`).join('')}]`;
}

function pointSource(point: number): string {
  return `\\x{${point.toString(16)}}`;
}
