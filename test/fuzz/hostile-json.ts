import fc from 'fast-check';
import { storableText } from './hostile-text.ts';

/** Numbers as JSON can write them; JavaScript reads some of them as others, or as infinity. */
const NUMBERS = [
  '0',
  '-0',
  '1',
  '42',
  '42.0',
  '1.5',
  '-1',
  '4096',
  '4097',
  '2147483647',
  '2147483648',
  '-2147483648',
  '9007199254740993',
  '123456789012345678901234567890',
  '1e2',
  '1E+3',
  '1e400',
  '-1e400',
  '1e-400',
  '0.1000000000000000055511151231257827',
];

/** Deeper than code that recurses likes, though PostgreSQL takes it. */
const nested = fc
  .tuple(
    fc.constantFrom(
      ['[', ']'] as const,
      ['{"a":', '}'] as const,
      ['{"properties":{"a":', '}}'] as const,
      ['[[],', ']'] as const,
    ),
    fc.constantFrom(3, 127, 128, 129, 1_000, 3_000),
  )
  .map(([[open, close], depth]) => `${open.repeat(depth)}0${close.repeat(depth)}`);

const wide = fc
  .constantFrom(300, 20_000)
  .map((length) => `[${Array.from({ length }, (_, at) => `"d${at}"`).join(',')}]`);

const scalar = fc.oneof(
  { weight: 5, arbitrary: storableText.map((text) => JSON.stringify(text)) },
  { weight: 4, arbitrary: fc.constantFrom(...NUMBERS) },
  { weight: 3, arbitrary: fc.constantFrom('null', 'true', 'false', '""', '[]', '{}') },
);

/** JSON of any shape, as text that `jsonb` takes. */
export const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    { weight: 6, arbitrary: scalar },
    { weight: 2, arbitrary: tie('array') },
    { weight: 2, arbitrary: tie('object') },
    { weight: 1, arbitrary: nested },
    { weight: 1, arbitrary: wide },
  ),
  array: fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
  object: fc
    .array(
      fc.tuple(fc.oneof(fc.constantFrom('type', 'properties', '__proto__', 'toJSON', ''), storableText), tie('value')),
      {
        maxLength: 4,
      },
    )
    .map((members) => `{${members.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`),
})).value;

/** JSON text that `jsonb` refuses, always with an error of its own. */
export const refusedJsonText: fc.Arbitrary<string> = fc.constantFrom(
  '"\\u0000"',
  '{"\\u0000":1}',
  '"\\ud800"',
  '["\\udc00\\ud800"]',
  '{"a":1',
  '1e131073',
  '"\u0001"',
  `${'['.repeat(10_000)}${']'.repeat(10_000)}`,
  `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
);
