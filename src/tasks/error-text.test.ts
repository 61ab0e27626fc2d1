import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ServerErrorFields } from '../db/task-session/server-error.ts';
import { renderErrorText } from './error-text.ts';

const recorded = JSON.parse(
  readFileSync(new URL('../../test/tasks/fixtures/psql-errors.json', import.meta.url), 'utf8'),
) as readonly { readonly text: string; readonly fields: ServerErrorFields; readonly printed: string }[];

const failed: ServerErrorFields = { severity: 'ERROR', localSeverity: 'ERROR', code: 'XX000', message: 'no' };

describe('the text of an error', () => {
  test.each(recorded.map(({ text, ...rest }) => [text, rest] as const))(
    'of %j is what psql printed',
    (text, { fields, printed }) => {
      expect(renderErrorText(fields, text)).toBe(printed);
    },
  );

  test('is the documented one', () => {
    const fields = { ...failed, message: 'column "haha" does not exist', position: 17 };
    expect(renderErrorText(fields, 'SELECT pg_sleep(haha);')).toBe(
      'ERROR:  column "haha" does not exist\nLINE 1: SELECT pg_sleep(haha);\n                        ^\n',
    );
  });

  test("has the server's own word for the severity", () => {
    expect(renderErrorText({ ...failed, localSeverity: 'FEHLER' }, '')).toBe('FEHLER:  no\n');
  });

  test('has no line where the position is beyond the text, and one where it is its end', () => {
    expect(renderErrorText({ ...failed, position: 9 }, 'select 1')).toBe(
      'ERROR:  no\nLINE 1: select 1\n                ^\n',
    );
    expect(renderErrorText({ ...failed, position: 10 }, 'select 1')).toBe('ERROR:  no\n');
  });

  test('has at most 64 kB, and says how much is missing', () => {
    const text = renderErrorText({ ...failed, internalQuery: 'é'.repeat(1_000_000) }, '');
    expect(Buffer.byteLength(text)).toBeLessThan(65_600);
    expect(text).toMatch(/é\.\.\. \(1934485 more bytes\)\n$/);
  });

  test('takes no time that grows faster than the text', () => {
    const line = `select '${'x'.repeat(5_000_000)}', haha`;
    expect(renderErrorText({ ...failed, position: line.length - 3 }, line)).toMatch(
      /^ERROR: {2}no\nLINE 1: \.\.\.x+', haha\n +\^\n$/,
    );
  });
});
