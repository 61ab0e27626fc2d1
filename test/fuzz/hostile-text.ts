import fc from 'fast-check';

/** Texts that have broken parsers, quoting, formatting or logs somewhere. None of them steers the test model. */
const NASTY = [
  '',
  ' ',
  '\t\r\n\v\f',
  '\u00a0\u2003\ufeff',
  '\u0085',
  '\u0001\u0008\u001b[2J\u007f',
  '\u202e\u200f\u2066',
  'null',
  'NULL',
  'true',
  'NaN',
  'Infinity',
  '-0',
  '1e309',
  '[]',
  '{}',
  '{a,NULL,"b"}',
  '\\',
  '\\u0000',
  '\\x00',
  '$1',
  '$$',
  '%',
  '%s %I %L %n',
  '"',
  "'",
  "'; drop table public.steadytext_queue; --",
  '__proto__',
  'constructor',
  'toString',
  '../../etc/passwd',
  'é',
  'e\u0301',
  'ß',
  'İ',
  '\u{1f56f}\ufe0f\u200d\u{1f525}',
  '\u{10ffff}',
  '\uffff',
  '\ufffd',
] as const;

/** Any character of Unicode; fast-check's own unit takes a second to be made. */
const codePoint = fc
  .integer({ min: 1, max: 0x10_f7ff })
  .map((code) => String.fromCodePoint(code < 0xd800 ? code : code + 0x800));

/** How often each size comes: most cases are small, a few are a megabyte. */
const huge = fc
  .tuple(fc.constantFrom('a', ' a', 'é', '\u{1f56f}', '\u0001', '"', '\\'), fc.constantFrom(3_000, 70_000, 1_000_000))
  .map(([unit, length]) => unit.repeat(Math.floor(length / unit.length)));

/** Bytes that do not compress, as base64: what PostgreSQL cannot shrink into an index or a page. */
const incompressible = fc
  .tuple(fc.nat(), fc.constantFrom(2_000, 9_000, 300_000))
  .map(([seed, length]) => randomText(seed, length));

/** Any text that PostgreSQL can hold: no NUL, no half of a surrogate pair. */
export const storableText: fc.Arbitrary<string> = fc
  .oneof(
    { weight: 30, arbitrary: fc.constantFrom(...NASTY) },
    { weight: 30, arbitrary: fc.string({ maxLength: 30 }) },
    { weight: 30, arbitrary: fc.string({ unit: 'grapheme', maxLength: 20 }) },
    { weight: 20, arbitrary: fc.string({ unit: codePoint, maxLength: 20 }) },
    { weight: 1, arbitrary: huge },
    { weight: 1, arbitrary: incompressible },
  )
  .map((text) => text.replaceAll('\0', ''));

/** Halves of surrogate pairs and NULs, in any company. */
const unstorableText: fc.Arbitrary<string> = fc
  .tuple(
    fc.string({ maxLength: 5 }),
    fc.constantFrom('\0', '\ud800', '\udfff', '\udc00\ud800'),
    fc.string({ maxLength: 5 }),
  )
  .map((parts) => parts.join(''));

/** Any text that JavaScript can hold. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 12, arbitrary: storableText },
  { weight: 1, arbitrary: unstorableText },
);

/** True for what PostgreSQL can hold as it is. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** Text of printable characters that differs from one seed to the next and has no pattern to compress. */
function randomText(seed: number, length: number): string {
  let state = seed | 1;
  const codes = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    codes[at] = 48 + ((state >>> 16) % 75);
  }
  return new TextDecoder('latin1').decode(codes);
}
