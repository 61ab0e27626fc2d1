import { expect, test } from 'vitest';
import { toPrintable, toPrintableJson } from './printable.ts';

test.each([
  ['plain text,\n\tindented: äöü \u{1f56f}', 'plain text,\n\tindented: äöü \u{1f56f}'],
  ['\u001b[2Jgone', '\ufffd[2Jgone'],
  ['\u009b31m \u007f \u202eback', '\ufffd31m \ufffd \ufffdback'],
  ['over\rwritten', 'over\ufffdwritten'],
])('%j is printed as %j', (text, printed) => {
  expect(toPrintable(text)).toBe(printed);
});

test('JSON says the same without control characters, and keeps its line ends', () => {
  const json = toPrintableJson(JSON.stringify({ msg: 'a\u001b[2J\u0000\u009b\n\tb' }));
  expect(JSON.parse(json)).toEqual({ msg: 'a\ufffd[2J\ufffd\ufffd\n\tb' });
});
