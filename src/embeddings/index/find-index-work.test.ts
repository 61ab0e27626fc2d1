import { expect, test } from 'vitest';
import { indexName } from './find-index-work.ts';

test.each([
  ['articles', 'embedding', 'articles_embedding_hnsw'],
  ['a'.repeat(63), 'embedding', `${'a'.repeat(48)}_embedding_hnsw`],
  ['t', 'v'.repeat(63), `t_${'v'.repeat(56)}_hnsw`],
  ['ä'.repeat(30), 'b', `${'ä'.repeat(28)}_b_hnsw`],
])('%s and %s', (table, column, name) => {
  expect(indexName(table, column)).toBe(name);
  expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
});
