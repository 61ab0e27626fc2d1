import { describe, expect, test } from 'vitest';
import { Refused } from '../../src/models/grammar/output-grammar.ts';
import { parsePattern } from '../../src/models/grammar/regex/read/parse-pattern.ts';
import { UNSUPPORTED } from '../../src/models/grammar/regex/read/unsupported.ts';
import { readPage, tableRows } from './markdown-page.ts';

const rows = tableRows(readPage('docs/concepts/structured-output.md'), 'Patterns');
const firstRefused = rows.findIndex(([title]) => title === 'for example');
const supported = rows.slice(1, firstRefused).flatMap(([written = '']) => {
  const patterns = written.includes('`, ') ? [...`\`${written}\``.matchAll(/`([^`]+)`/g)] : [['', written]];
  return patterns.map(([, pattern = '']) => pattern);
});
const refused = rows.slice(firstRefused + 1).map(([example = '', ...texts]) => ({
  example,
  texts: texts.map((text) => text.replaceAll('`', '')),
}));

/** Why a pattern is refused; undefined when it is not. */
function refusalOf(pattern: string): string | undefined {
  try {
    parsePattern(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
}

describe('the page on structured output', () => {
  test.each(supported)('is right that %s is supported', (pattern) => {
    expect(refusalOf(pattern)).toBeUndefined();
  });

  test.each(refused)('is right that $example is not, and why', ({ example, texts: [name, advice] }) => {
    expect(refusalOf(example)).toMatch(/^Pattern not supported: /);
    expect(refusalOf(example)?.replace(/,? at position \d+/, '')).toBe(`Pattern not supported: ${name}: ${advice}`);
  });

  test('names everything that is refused by name', () => {
    const expected = Object.values(UNSUPPORTED).map(([name, advice]) => `${name.replace(/,$/, '')}: ${advice}`);
    expect(refused.map(({ texts }) => texts.join(': '))).toEqual(expected);
  });
});
