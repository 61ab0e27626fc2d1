import { createHash } from 'node:crypto';
import { CHUNK_NUMBER, CHUNK_TEXT, type ChunkTable, type EmbeddedTable } from './embedded-table.ts';
import { quoteIdentifier } from './quote-identifier.ts';
import { hashOf, isRowOf, isSameKey, keyOf, vectorAt } from './row-sql.ts';

/** Made here and by the server alike, so that what is known need not travel. */
const CHUNK_DIGEST = `pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(c.${CHUNK_TEXT}, 'UTF8')), 'hex')`;

/** The digest of a chunk's text. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

/** The hash of all chunks of a document, from the digests of their texts in order, and of how it was divided: see {@link selectChunkState}. */
export function chunkHashOf({ size, overlap }: ChunkTable, digests: readonly string[]): string | undefined {
  if (digests.length === 0) return undefined;
  const listing = digests.map((digest, no) => `${no}:${digest}`).join(',');
  const hash = digestOf(`${size}:${overlap}:${listing}`);
  return [hash.slice(0, 8), hash.slice(8, 12), hash.slice(12, 16), hash.slice(16, 20), hash.slice(20, 32)].join('-');
}

/** What is there of a document: whether it has no chunks, the hash of those it has, and whether any lacks its vector. One row. */
export function selectChunkState({ name, size, overlap }: ChunkTable, dstColumn: string, isOfDocument: string): string {
  return `select a.listing is null as is_missing,
    pg_catalog.substr(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to('${size}:${overlap}:' operator(pg_catalog.||) a.listing, 'UTF8')), 'hex'), 1, 32)::pg_catalog.uuid as chunk_hash,
    coalesce(a.is_partial, false) as is_partial
  from (
    select pg_catalog.string_agg(c.${CHUNK_NUMBER}::pg_catalog.text operator(pg_catalog.||) ':' operator(pg_catalog.||) ${CHUNK_DIGEST}, ',' order by c.${CHUNK_NUMBER}) as listing,
           pg_catalog.bool_or(c.${quoteIdentifier(dstColumn)} is null) as is_partial
    from only ${name} as c
    where ${isOfDocument}
  ) as a`;
}

/** The chunks of a document that have a vector, each as its number and the digest of its text. */
export function selectKnownChunks({ name }: ChunkTable, dstColumn: string, isOfDocument: string): string {
  return `select c.${CHUNK_NUMBER}::pg_catalog.text operator(pg_catalog.||) ':' operator(pg_catalog.||) ${CHUNK_DIGEST}
    from only ${name} as c
    where ${isOfDocument} and c.${quoteIdentifier(dstColumn)} is not null
    order by c.${CHUNK_NUMBER}`;
}

/** The table of a job whose texts are kept in chunks, as {@link EmbeddedTable}. */
export type ChunkedTable = EmbeddedTable & { readonly chunks: ChunkTable };

export function isChunked(table: EmbeddedTable): table is ChunkedTable {
  return table.chunks !== undefined;
}

/**
 * Takes the documents that no other writer has, until the transaction ends: rows of texts are only shared, so that their writers do not
 * wait. $1 the job, $2 hashes of keys. The positions of those that were taken.
 */
export const LOCK_DOCUMENTS = `select w.n::pg_catalog.int4 as position
from pg_catalog.unnest($2::pg_catalog.uuid[]) with ordinality as w (hash, n)
where pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('lamplighter.document ' operator(pg_catalog.||) $1::pg_catalog.text operator(pg_catalog.||) ' ' operator(pg_catalog.||) w.hash::pg_catalog.text, 0))`;

/** `insert into` the columns of a chunk. */
function intoChunks({ chunks, keyColumns, dstColumn }: ChunkedTable): string {
  const columns = [...keyColumns.map(({ name }) => name), CHUNK_NUMBER, CHUNK_TEXT, dstColumn].map(quoteIdentifier);
  return `insert into ${chunks.name} (${columns.join(', ')})`;
}

/** The values of the key of document `w.document` among the keys $1. */
function keyValues({ keyColumns }: ChunkedTable): string {
  return keyColumns.map(({ type }, at) => `(${KEY_OF_DOCUMENT})[${at + 1}]::${type}`).join(', ');
}

const KEY_OF_DOCUMENT = '(($1::pg_catalog.text[])[w.document])::pg_catalog.text[]';

function orReplace({ keyColumns, dstColumn }: ChunkedTable): string {
  const key = [...keyColumns.map(({ name }) => name), CHUNK_NUMBER].map(quoteIdentifier).join(', ');
  const dst = quoteIdentifier(dstColumn);
  return `on conflict (${key}) do update set ${CHUNK_TEXT} = excluded.${CHUNK_TEXT}, ${dst} = excluded.${dst}`;
}

/**
 * Gives chunks the vectors that their texts have under another number. $1 keys of documents; pairwise $2 positions in these, from 1,
 * $3 numbers of chunks, $4 texts, $5 the numbers that have the vectors now. Names are qualified: triggers of the user's have a path of theirs.
 */
export function moveChunks(table: ChunkedTable): string {
  const { chunks, keyColumns, dstColumn } = table;
  return `${intoChunks(table)}
select ${keyValues(table)}, w.no, w.chunk, o.${quoteIdentifier(dstColumn)}
from rows from (pg_catalog.unnest($2::pg_catalog.int4[]), pg_catalog.unnest($3::pg_catalog.int4[]), pg_catalog.unnest($4::pg_catalog.text[]), pg_catalog.unnest($5::pg_catalog.int4[])) as w (document, no, chunk, source)
join ${chunks.name} as o on ${isRowOf('o', KEY_OF_DOCUMENT, keyColumns, false)} and o.${CHUNK_NUMBER} operator(pg_catalog.=) w.source
${orReplace(table)}`;
}

/** Writes chunks with new vectors. $1 to $4 as {@link moveChunks}, $5 the vectors as `encodeVectors` makes them. */
export function putChunks(table: ChunkedTable): string {
  return `${intoChunks(table)}
select ${keyValues(table)}, w.no, w.chunk, ${vectorAt(table, '$5', 'w.n')}
from rows from (pg_catalog.unnest($2::pg_catalog.int4[]), pg_catalog.unnest($3::pg_catalog.int4[]), pg_catalog.unnest($4::pg_catalog.text[])) with ordinality as w (document, no, chunk, n)
${orReplace(table)}`;
}

/** Takes away the chunks of documents beyond their numbers. Pairwise $1 keys and $2 how many chunks there are. */
export function cutChunks({ chunks, keyColumns }: ChunkedTable): string {
  return `delete from only ${chunks.name} as c
using rows from (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.int4[])) as w (key, most)
where ${isRowOf('c', 'w.key::pg_catalog.text[]', keyColumns, false)}
  and (c.${CHUNK_NUMBER} operator(pg_catalog.>=) w.most or c.${CHUNK_NUMBER} operator(pg_catalog.<) 0)`;
}

/** How documents are now, see {@link selectChunkState}. $1 keys. A row for each, by its position in $1. */
export function selectChunkStates({ chunks, keyColumns, dstColumn }: ChunkedTable): string {
  const state = selectChunkState(chunks, dstColumn, isRowOf('c', 'w.key::pg_catalog.text[]', keyColumns, false));
  return `select w.n::pg_catalog.int4 as position, s.chunk_hash, s.is_partial
from pg_catalog.unnest($1::pg_catalog.text[]) with ordinality as w (key, n)
cross join lateral (${state}) as s`;
}

const hasNoText = ({ name, keyColumns }: ChunkedTable) =>
  `not exists (select 1 from ${name} as s where ${isSameKey('s', 'c', keyColumns)})`;

/** Keys of chunks that have no text. $1 and $2 the places between which they lie, $3 how many keys. */
export function selectOrphans(table: ChunkedTable): string {
  const { chunks, keyColumns } = table;
  const key = keyOf('c', keyColumns);
  return `select distinct o.key, o.key_hash
from (
  select ${key} as key, ${hashOf(key)} as key_hash
  from only ${chunks.name} as c
  where c.ctid >= $1::pg_catalog.tid and c.ctid < $2::pg_catalog.tid and ${hasNoText(table)}
) as o
limit $3`;
}

/** Takes away the chunks of these keys, $1, that still have no text; how many. */
export function deleteOrphans(table: ChunkedTable): string {
  const { chunks, keyColumns } = table;
  return `with gone as (
  delete from only ${chunks.name} as c
  using pg_catalog.unnest($1::pg_catalog.text[]) as w (key)
  where ${isRowOf('c', 'w.key::pg_catalog.text[]', keyColumns, false)} and ${hasNoText(table)}
  returning 1
)
select pg_catalog.count(*)::pg_catalog.int4 as deleted from gone`;
}
