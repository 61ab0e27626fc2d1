import { expect, test } from 'vitest';
import { sharedNames, sharedRelations } from './shared-names.ts';

const inPublic = (names: readonly { schema: string; name: string }[]) =>
  names.filter(({ schema }) => schema === 'public').map(({ name }) => name);

test('the names in public are those of the functions, the table, its sequence and its indexes', () => {
  const names = inPublic(sharedNames());
  expect(names.length).toBe(new Set(names).size);
  expect(names.every((name) => name.startsWith('steadytext_'))).toBe(true);
  expect(names).toEqual(
    expect.arrayContaining([
      'steadytext_generate_async',
      'steadytext_queue',
      'steadytext_queue_id_seq',
      'steadytext_queue_pkey',
      'steadytext_queue_request_id_key',
      'steadytext_queue_ready_idx',
    ]),
  );
});

test('of those, the table and its sequence are relations that privileges are given on', () => {
  expect(inPublic(sharedRelations())).toEqual(['steadytext_queue', 'steadytext_queue_id_seq']);
});

test('no name of the private schema is among them', () => {
  expect(sharedNames().filter(({ schema }) => schema === 'lamplighter')).toEqual([]);
});
