import { describe, expect, test } from 'vitest';
import { CUT_FIELD_BYTES, createMessageReader } from './backend-messages.ts';
import { readServerError, type ServerErrorFields } from './server-error.ts';

const message = (type: string, body: Buffer): Buffer => {
  const header = Buffer.alloc(5);
  header.write(type);
  header.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
};

const STREAM = Buffer.concat([
  message('T', Buffer.from('columns')),
  message('D', Buffer.alloc(3_000, 'x')),
  message('D', Buffer.from('')),
  message('C', Buffer.from('SELECT 2\0')),
  message('Z', Buffer.from('I')),
]);

function read(stream: Buffer, chunkBytes: number, keepsRows: boolean): [string, number][] {
  const seen: [string, number][] = [];
  const reader = createMessageReader((type, body) => seen.push([type, body.length]));
  reader.keepsRows = keepsRows;
  for (let at = 0; at < stream.length; at += chunkBytes) reader.feed(stream.subarray(at, at + chunkBytes));
  return seen;
}

describe('messages of a server', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 100, 100_000])('come whole from chunks of %i bytes', (chunkBytes) => {
    expect(read(STREAM, chunkBytes, true)).toEqual([
      ['T', 7],
      ['D', 3_000],
      ['D', 0],
      ['C', 9],
      ['Z', 1],
    ]);
    expect(read(STREAM, chunkBytes, false)).toEqual([
      ['T', 7],
      ['D', 0],
      ['D', 0],
      ['C', 9],
      ['Z', 1],
    ]);
  });

  test.each([1_000, 65_536, 10_000_000])(
    'keep the beginning of each field of a large error, in chunks of %i bytes',
    (chunkBytes) => {
      const text = 'ä'.repeat(3_000_000);
      const error = message('E', Buffer.from(`SERROR\0VERROR\0CP0001\0M${text}\0D${text}\0Rexec_stmt_raise\0\0`));
      const seen: unknown[] = [];
      const reader = createMessageReader((type, body, cutBytes) =>
        seen.push(type === 'E' ? readServerError(body, 'UTF8', cutBytes) : type),
      );
      const stream = Buffer.concat([error, message('Z', Buffer.from('E'))]);
      for (let at = 0; at < stream.length; at += chunkBytes) reader.feed(stream.subarray(at, at + chunkBytes));
      const [fields] = seen;
      const { message: kept = '', detail, ...others } = fields as ServerErrorFields; // of the first message
      expect(kept === 'ä'.repeat(CUT_FIELD_BYTES / 2 - 1) && detail === kept).toBe(true);
      expect(others).toEqual({
        severity: 'ERROR',
        localSeverity: 'ERROR',
        code: 'P0001',
        routine: 'exec_stmt_raise',
        cutBytes: 2 * (6_000_001 - CUT_FIELD_BYTES),
      });
      expect(seen).toHaveLength(2);
    },
  );
});
