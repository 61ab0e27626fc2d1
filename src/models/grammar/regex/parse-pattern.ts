import { type AST, RegExpParser, RegExpSyntaxError } from '@eslint-community/regexpp';
import {
  ANY_CHARACTER,
  type CodePointSet,
  codePointSet,
  codePointsOf,
  complementSet,
  subtractSet,
  uniteSets,
} from '../gbnf/code-points.ts';
import { GrammarTooLarge, Refused } from '../refused.ts';
import { type NormalisedPattern, normalisePattern } from './normalise-pattern.ts';
import { type PatternTree, sizeOf } from './pattern-tree.ts';
import { unicodeProperty } from './unicode-property.ts';

/** Most characters that a pattern may speak of once every repetition is written out. */
export const LARGEST_PATTERN = 20_000;

/** Most different Unicode properties of one pattern: each is looked up once per process, in some 50 ms. */
const MOST_PROPERTIES = 8;

const DIGITS: CodePointSet = [[0x30, 0x39]];
const WORD_CHARACTERS: CodePointSet = codePointSet([
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
]);
/** White space and line ends as ECMAScript has them. */
const SPACES: CodePointSet = uniteSets(
  codePointsOf('\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff'),
  codePointSet([[0x2000, 0x200a]]),
);
const NOT_LINE_ENDS: CodePointSet = subtractSet(ANY_CHARACTER, codePointsOf('\n\r\u2028\u2029'));

/**
 * What a pattern means. `\d`, `\w` and `\s` are ECMAScript's, `.` is any character but a line end, and nothing matches
 * a zero character or half a surrogate pair. Greedy and lazy repetition are the same: only whole texts are judged.
 *
 * @throws Refused for what is not supported or not valid, naming the construct and its position.
 * @throws GrammarTooLarge beyond {@link LARGEST_PATTERN}, before anything is written out.
 */
export function parsePattern(pattern: string): PatternTree {
  const normalised = normalisePattern(pattern);
  return treeOf(parse(normalised), normalised);
}

function parse({ source, positionOf }: NormalisedPattern): AST.Pattern {
  try {
    return new RegExpParser({ ecmaVersion: 2024 }).parsePattern(source, 0, source.length, { unicode: true });
  } catch (error) {
    if (!(error instanceof RegExpSyntaxError)) throw error;
    const what = error.message.slice(error.message.lastIndexOf(': ') + 2);
    throw new Refused(`Pattern is not valid: ${what}, near position ${positionOf(error.index)}`);
  }
}

function treeOf(root: AST.Pattern, { positionOf }: NormalisedPattern): PatternTree {
  const properties = new Set<string>();

  const refuse = (what: string, node: AST.Node): never => {
    throw new Refused(`Pattern not supported: ${what} at position ${positionOf(node.start)}`);
  };

  const ofAlternatives = (alternatives: readonly AST.Alternative[]): PatternTree => {
    const options = alternatives.map(({ elements }): PatternTree => {
      const [first, ...others] = elements.map(ofElement);
      return first !== undefined && others.length === 0
        ? first
        : { kind: 'sequence', parts: first === undefined ? [] : [first, ...others] };
    });
    const [first, second] = options;
    return first !== undefined && second === undefined ? first : { kind: 'alternatives', options };
  };

  const ofElement = (node: AST.Element): PatternTree => {
    switch (node.type) {
      case 'Group':
      case 'CapturingGroup':
        return ofAlternatives(node.alternatives);
      case 'Quantifier':
        return ofQuantifier(node);
      case 'Assertion':
        return ofAssertion(node);
      case 'Backreference':
        return refuse('a backreference', node);
      case 'Character':
        return { kind: 'set', set: ofCharacter(node) };
      case 'CharacterSet':
        return { kind: 'set', set: ofCharacterSet(node) };
      case 'CharacterClass':
        return { kind: 'set', set: ofClass(node) };
      case 'ExpressionCharacterClass':
        return refuse('a class with an operator', node);
    }
  };

  const ofAssertion = (node: AST.Assertion): PatternTree => {
    switch (node.kind) {
      case 'start':
      case 'end':
        return { kind: node.kind };
      case 'word':
        return refuse(`a word boundary (${node.negate ? '\\B' : '\\b'})`, node);
      case 'lookahead':
      case 'lookbehind':
        return refuse(`${node.negate ? 'a negative' : 'a'} ${node.kind}`, node);
    }
  };

  const ofQuantifier = (node: AST.Quantifier): PatternTree => {
    const { min, max } = node;
    const tree: PatternTree = {
      kind: 'repeat',
      part: ofElement(node.element),
      min,
      max: max === Number.POSITIVE_INFINITY ? undefined : max,
    };
    if (sizeOf(tree) > LARGEST_PATTERN) {
      throw new GrammarTooLarge(
        `Pattern too large: the repetition at position ${positionOf(node.element.end)} makes more than ${LARGEST_PATTERN} characters`,
      );
    }
    return tree;
  };

  const ofCharacter = (node: AST.Character): CodePointSet => {
    if (node.value === 0) return refuse('a zero character, which PostgreSQL cannot hold,', node);
    if (node.value >= 0xd800 && node.value <= 0xdfff) return refuse('half a surrogate pair', node);
    return [[node.value, node.value]];
  };

  const ofCharacterSet = (node: AST.CharacterSet): CodePointSet => {
    if (node.kind === 'any') return NOT_LINE_ENDS;
    const set = node.kind === 'property' ? ofProperty(node) : SETS[node.kind];
    return node.negate ? complementSet(set) : set;
  };

  const ofProperty = (node: AST.UnicodePropertyCharacterSet): CodePointSet => {
    const name = node.value === null ? node.key : `${node.key}=${node.value}`;
    properties.add(name);
    if (properties.size > MOST_PROPERTIES) return refuse(`more than ${MOST_PROPERTIES} Unicode properties`, node);
    return unicodeProperty(name) ?? refuse(`the Unicode property ${name}`, node);
  };

  const ofClass = (node: AST.CharacterClass): CodePointSet => {
    const set = uniteSets(...node.elements.map(ofClassElement));
    return node.negate ? complementSet(set) : set;
  };

  const ofClassElement = (node: AST.CharacterClassElement): CodePointSet => {
    switch (node.type) {
      case 'Character':
        return codePointSet([[node.value, node.value]]);
      case 'CharacterClassRange':
        return codePointSet([[node.min.value, node.max.value]]);
      case 'CharacterSet':
        return ofCharacterSet(node);
      case 'CharacterClass':
      case 'ClassStringDisjunction':
      case 'ExpressionCharacterClass':
        return refuse('a class inside a class', node);
    }
  };

  const tree = ofAlternatives(root.alternatives);
  if (sizeOf(tree) > LARGEST_PATTERN) {
    throw new GrammarTooLarge(`Pattern too large: it makes more than ${LARGEST_PATTERN} characters`);
  }
  return tree;
}

const SETS = { digit: DIGITS, space: SPACES, word: WORD_CHARACTERS };
