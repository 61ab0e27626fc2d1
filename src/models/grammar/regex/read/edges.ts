import type { CodePointSet } from '../../gbnf/code-points.ts';
import type { Look, PatternTree } from '../pattern-tree.ts';
import { withCaseVariants } from './case-variants.ts';
import { LINE_ENDS, WORD_CHARACTERS } from './character-sets.ts';

/** `^` and `$` under the flag m: at the beginning and end of each line. */
export function lineEdge(kind: 'start' | 'end'): PatternTree {
  return { kind: 'alternatives', options: [{ kind }, kind === 'start' ? AFTER_LINE_END : BEFORE_LINE_END] };
}

/** `\b`, or `\B` when negated: between a character of a word and one that is none, or the edge of the text. */
export function wordEdge(isCaseless: boolean, isNegated: boolean): PatternTree {
  if (!isCaseless) return isNegated ? NO_WORD_EDGE : WORD_EDGE;
  caselessEdges ??= edgesOf(withCaseVariants(WORD_CHARACTERS));
  return caselessEdges[isNegated ? 'none' : 'edge'];
}

/** The same objects for the same edges, so that each is followed once. */
function looksAt(set: CodePointSet): Readonly<Record<'after' | 'notAfter' | 'before' | 'notBefore', Look>> {
  const part: PatternTree = { kind: 'set', set };
  return {
    after: { kind: 'look', isAhead: false, isNegated: false, part },
    notAfter: { kind: 'look', isAhead: false, isNegated: true, part },
    before: { kind: 'look', isAhead: true, isNegated: false, part },
    notBefore: { kind: 'look', isAhead: true, isNegated: true, part },
  };
}

function edgesOf(words: CodePointSet): { readonly edge: PatternTree; readonly none: PatternTree } {
  const { after, notAfter, before, notBefore } = looksAt(words);
  const both = (one: Look, other: Look): PatternTree => ({ kind: 'sequence', parts: [one, other] });
  return {
    edge: { kind: 'alternatives', options: [both(after, notBefore), both(notAfter, before)] },
    none: { kind: 'alternatives', options: [both(after, before), both(notAfter, notBefore)] },
  };
}

const { after: AFTER_LINE_END, before: BEFORE_LINE_END } = looksAt(LINE_ENDS);
const { edge: WORD_EDGE, none: NO_WORD_EDGE } = edgesOf(WORD_CHARACTERS);
let caselessEdges: ReturnType<typeof edgesOf> | undefined;
