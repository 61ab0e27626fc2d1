import { selectChunkState, selectKnownChunks } from './chunk-sql.ts';
import type { EmbeddedTable } from './embedded-table.ts';
import { quoteIdentifier } from './quote-identifier.ts';
import { guardOf, hashOf, isRowOf, isSameKey, keyOf, NOT_BLANK, sizeOf, textOf, vectorAt } from './row-sql.ts';

/**
 * Judges a row of `f` by its stamp `k`; `unstamped` is the kind of one that has a vector and no stamp, `doubt` the condition under which a
 * stamp proves nothing about the vector. Of a document every chunk is compared; without a stamp the text has to be divided to know its chunks.
 */
function kindOf({ chunks }: EmbeddedTable, unstamped: string, doubt: string): string {
  const isOfText = 'not k.is_failed and k.text_hash = f.text_hash and k.model = $2 and k.dimensions = $3';
  return `case
    when f.is_blank and f.is_missing and k.has_stamp and k.text_hash is null then 'same'
    when f.is_blank and f.is_missing then 'blank'
    when f.is_blank then 'clear'
    when k.is_failed and k.text_hash = f.text_hash and k.model = $2 then 'same'
    when f.is_missing then 'embed'
    ${chunks === undefined ? `when not k.has_stamp then ${unstamped}` : ''}
    when ${doubt} then 'embed'
    when ${isOfText} ${chunks === undefined ? '' : 'and k.chunk_hash = f.chunk_hash and not f.is_partial'} then 'same'
    else 'embed' end`;
}

/** What is to be done with a row: nothing, a stamp only, a vector taken away, or a vector made. */
export type RowKind = 'same' | 'blank' | 'trusted' | 'clear' | 'embed' | 'later';

/** Bytes of text of one batch, so that documents and images of many megabytes do not fill the memory; one is always taken. */
const MOST_BYTES = 16 * 2 ** 20;

/** Its rows may be of many megabytes each. */
const hasLargeRows = ({ chunks, srcKind }: EmbeddedTable) => chunks !== undefined || srcKind === 'bytes';

/** How many bytes of text are to be embedded before a row of `j`. */
function bytesBefore(table: EmbeddedTable): string {
  return `coalesce(pg_catalog.sum(${bytesOf('j', table)}) filter (where j.kind = 'embed')
      over (order by j.place rows between unbounded preceding and 1 preceding), 0)`;
}

/** The text of a row. Of an image only what tells it from others: most are not to be embedded, and base64 is dear. */
function sourceOf(alias: string, table: EmbeddedTable): string {
  return table.srcKind === 'bytes'
    ? `${guardOf(alias, table)} as text_hash, ${sizeOf(alias, table)} as size`
    : `${textOf(alias, table)} as text`;
}

/** How many bytes a row of `alias` has for a model. */
function bytesOf(alias: string, { srcKind }: EmbeddedTable): string {
  return srcKind === 'bytes' ? `${alias}.size` : `pg_catalog.octet_length(${alias}.text)`;
}

/** What is known of a row of `r` by its key and text. A hash takes its value twice, so that it is not made from the columns. */
function factsOf({ srcKind }: EmbeddedTable): string {
  return srcKind === 'bytes'
    ? `${hashOf('r.key')} as key_hash, r.text_hash is null as is_blank`
    : `${hashOf('r.key')} as key_hash, ${hashOf('r.text')} as text_hash, r.text is null or r.text !~ ${NOT_BLANK} as is_blank`;
}

/** The text of a row of `alias` that is to be embedded; `source` is what it is read from, where only its place is known. */
function wantedText(alias: string, table: EmbeddedTable, source: string): string {
  const text = table.srcKind === 'bytes' ? `(select ${textOf('i', table)} from ${source})` : `${alias}.text`;
  return `case when ${alias}.kind = 'embed' then ${text} end as text`;
}

const FOUND_COLUMNS = (table: EmbeddedTable, alias: string) => `${keyOf(alias, table.keyColumns)} as key,
    ${sourceOf(alias, table)},
    ${
      table.chunks === undefined
        ? `${alias}.${quoteIdentifier(table.dstColumn)} is null as is_missing`
        : 's.is_missing, s.chunk_hash, s.is_partial'
    }`;

/** What is joined to a row for {@link FOUND_COLUMNS}. */
function stateOf({ chunks, keyColumns, dstColumn }: EmbeddedTable, alias: string): string {
  return chunks === undefined
    ? ''
    : ` cross join lateral (${selectChunkState(chunks, dstColumn, isSameKey('c', alias, keyColumns))}) as s`;
}

/** The condition that a row lacks its vector, or a document any of its chunks' or all chunks. */
function isIncomplete({ chunks, keyColumns, dstColumn }: EmbeddedTable, alias: string): string {
  const dst = quoteIdentifier(dstColumn);
  if (chunks === undefined) return `${alias}.${dst} is null`;
  return `(select pg_catalog.bool_and(c.${dst} is not null) from only ${chunks.name} as c where ${isSameKey('c', alias, keyColumns)}) is not true`;
}

/** The column `known` of a row of `alias`, a document that is embedded anew: see {@link selectKnownChunks}. */
function knownOf({ chunks, keyColumns, dstColumn }: EmbeddedTable, alias: string): string {
  if (chunks === undefined) return '';
  const chunksOf = selectKnownChunks(
    chunks,
    dstColumn,
    isRowOf('c', `${alias}.key::pg_catalog.text[]`, keyColumns, false),
  );
  return `, case when ${alias}.kind = 'embed' and ${alias}.is_proven then array(${chunksOf}) end as known`;
}

/**
 * The condition that no transaction after `last`, an xid8, has written a version of a row. Ids of versions wrap around; an old one that is taken for
 * a new one is embedded again.
 */
function isNoLaterThan(version: string, last: string): string {
  const next = 'pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::pg_catalog.text::pg_catalog.int8';
  return `((${next} - ${version}::pg_catalog.text::pg_catalog.int8) & 4294967295) >= ${next} - ${last}::pg_catalog.int8`;
}

/** Whether the chunks that are there have the vectors of their texts. */
function provenOf({ chunks }: EmbeddedTable, trusts: string): string {
  if (chunks === undefined) return '';
  return `, case when k.has_stamp
      then not k.is_failed and k.model = $2 and k.dimensions = $3 and k.chunk_hash = f.chunk_hash
      else ${trusts} end as is_proven`;
}

/**
 * Reads the rows of keys, and judges by their stamps what is to be done. $1 job, $2 model, $3 dimensions, $4 keys; of documents, $5 whether
 * vectors without a stamp are trusted. A row for each that is not `same`: leaf, place, key, key_hash, text_hash, kind, and the text where it
 * is to be embedded, of a document with the known ones of its chunks. Of kind `later` are documents and images beyond a batch. Of rows that share a key a
 * stamp says nothing, as it is of one of them.
 */
export function selectChanged(table: EmbeddedTable, hasNulls: boolean): string {
  return `with wanted as materialized (
  select w.key::pg_catalog.text[] as key from pg_catalog.unnest($4::pg_catalog.text[]) as w (key)
), row as materialized (
  select t.tableoid as leaf, t.ctid as place, ${FOUND_COLUMNS(table, 't')}
  from wanted as w
  join ${table.name} as t on ${isRowOf('t', 'w.key', table.keyColumns, hasNulls)}${stateOf(table, 't')}
), found as materialized (
  select r.*, ${factsOf(table)},
         pg_catalog.count(*) over (partition by r.key) as count
  from row as r
), judged as (
  select f.*, ${kindOf(table, `'embed'`, 'k.is_trusted or f.count > 1')} as kind${provenOf(table, '$5::pg_catalog.bool')}
  from found as f
  join lamplighter.lookup_stamps($1, array(select f.key from found as f), array(select f.key_hash from found as f)) as k
    on k.key_hash = f.key_hash
)${
    hasLargeRows(table)
      ? `, bounded as (
  select b.leaf, b.place, b.key, b.key_hash, b.is_blank, b.text_hash,${table.chunks === undefined ? '' : ' b.text, b.is_proven,'}
         case when b.kind = 'embed' and b.bytes_before > ${MOST_BYTES} then 'later' else b.kind end as kind
  from (select j.*, ${bytesBefore(table)} as bytes_before from judged as j) as b
)`
      : ''
  }
select j.leaf::pg_catalog.text, j.place::pg_catalog.text, j.key, j.key_hash, case when j.is_blank then null else j.text_hash end as text_hash,
       j.kind, ${wantedText('j', table, `${table.name} as i where i.tableoid = j.leaf and i.ctid = j.place`)}${knownOf(table, 'j')}
from ${hasLargeRows(table) ? 'bounded' : 'judged'} as j
where j.kind <> 'same'`;
}

/** The condition that a row of `c` is of the page. */
function fits(table: EmbeddedTable): string {
  return hasLargeRows(table) ? `c.position <= $8 and c.bytes_before <= ${MOST_BYTES}` : 'c.position <= $8';
}

/**
 * Reads one page of a leaf, as {@link selectChanged}, up to $8 rows to be embedded. $1 job, $2 model, $3 dimensions, $4 the last
 * transaction of which vectors without a stamp are trusted, or null, $5 and $6 the places between which rows lie, $7 whether the pass is a full one: else only rows without a
 * vector are looked at. The last row, of kind `page`, has in `text` how many rows there were, how many were blank, how many wait in a batch
 * since a pass found them, how many bytes of text, whether the page was cut short, and the last place.
 */
export function selectPage(table: EmbeddedTable, leaf: string): string {
  return `with row as materialized (
  select t.ctid as place, t.xmin as version, ${FOUND_COLUMNS(table, 't')}
  from only ${leaf} as t${stateOf(table, 't')}
  where t.ctid > $5::pg_catalog.tid and t.ctid < $6::pg_catalog.tid
    and ($7 or ${isIncomplete(table, 't')})
), found as materialized (
  select r.*, ${factsOf(table)}
  from row as r
), judged as materialized (
  select f.*, case when k.is_waiting then 'same' else ${kindOf(table, `case when ${isNoLaterThan('f.version', '$4')} then 'trusted' else 'embed' end`, 'false')} end as kind,
         k.is_of_pass${provenOf(table, '$4::pg_catalog.int8 is not null')}
  from found as f
  join lamplighter.lookup_stamps($1, array(select f.key from found as f), array(select f.key_hash from found as f)) as k
    on k.key_hash = f.key_hash
), counted as materialized (
  select j.*, pg_catalog.count(*) filter (where j.kind = 'embed') over (order by j.place rows unbounded preceding) as position${
    hasLargeRows(table) ? `, ${bytesBefore(table)} as bytes_before` : ''
  }
  from judged as j
), page as materialized (
  select c.* from counted as c where ${fits(table)}
)
select p.place::pg_catalog.text, p.key, p.key_hash, case when p.is_blank then null else p.text_hash end as text_hash,
       p.kind, ${wantedText('p', table, `only ${leaf} as i where i.ctid = p.place`)}${knownOf(table, 'p')}
from page as p
where p.kind <> 'same'
union all
select null, null, null, null, 'page', pg_catalog.json_build_object(
  'rows', case when $7 then pg_catalog.count(*) else (
    select pg_catalog.count(*) from only ${leaf} as t
    where t.ctid > $5::pg_catalog.tid and t.ctid < $6::pg_catalog.tid
      and (not exists (select 1 from counted as c where not (${fits(table)})) or t.ctid <= (select pg_catalog.max(l.place) from page as l))) end,
  'waiting', pg_catalog.count(*) filter (where p.is_of_pass), 'blank', pg_catalog.count(*) filter (where p.is_blank),
  'bytes', coalesce(pg_catalog.sum(${bytesOf('p', table)}), 0),
  'isCut', exists (select 1 from counted as c where not (${fits(table)})),
  'last', pg_catalog.max(p.place)::pg_catalog.text)::pg_catalog.text${table.chunks === undefined ? '' : ', null'}
from page as p`;
}

/** A document stays as it is, and only has to stay: writers of its text do not wait for its chunks. */
function lockOf({ chunks }: EmbeddedTable): string {
  return chunks === undefined ? 'no key update' : 'key share';
}

/** Locks rows of a leaf where they are still there and nobody else has them. $1 places. The newest version's place, key and hash of text. */
export function lockPlaces(table: EmbeddedTable, leaf: string): string {
  return `select t.ctid::pg_catalog.text as place, ${keyOf('t', table.keyColumns)} as key, ${guardOf('t', table)} as text_hash,
       t.tableoid::pg_catalog.text as leaf
from only ${leaf} as t
where t.ctid = any ($1::pg_catalog.tid[])
for ${lockOf(table)} skip locked`;
}

/** Locks rows that have moved since they were claimed, by key; as {@link lockPlaces}. $1 keys. */
export function lockKeys(table: EmbeddedTable, hasNulls: boolean): string {
  return `select t.ctid::pg_catalog.text as place, ${keyOf('t', table.keyColumns)} as key, ${guardOf('t', table)} as text_hash,
       t.tableoid::pg_catalog.text as leaf
from (select u.key::pg_catalog.text[] as key from pg_catalog.unnest($1::pg_catalog.text[]) as u (key)) as w
join ${table.name} as t on ${isRowOf('t', 'w.key', table.keyColumns, hasNulls)}
for ${lockOf(table)} of t skip locked`;
}

/**
 * Writes vectors into rows of a leaf that are locked. $1 places, $2 the vectors as `encodeVectors` makes them. For each row that was
 * written its position in $1, the hash of its text as it is now, and whether it has no vector all the same.
 */
export function updatePlaces(table: EmbeddedTable, leaf: string): string {
  const dst = quoteIdentifier(table.dstColumn);
  return `update only ${leaf} as t
set ${dst} = ${vectorAt(table, '$2', 'w.n')}
from pg_catalog.unnest($1::pg_catalog.tid[]) with ordinality as w (place, n)
where t.ctid operator(pg_catalog.=) w.place
returning w.n::pg_catalog.int4 as position, ${guardOf('t', table)} as text_hash, t.${dst} is null as is_null`;
}

/**
 * As {@link updatePlaces}, where nothing of the user's can change or swallow a write: one row, with how many rows were written. To hash each text
 * again and to tell it costs the server 1 us a row, and the daemon 3.
 */
export function updatePlainly(table: EmbeddedTable, leaf: string): string {
  return `with written as (
  update only ${leaf} as t
  set ${quoteIdentifier(table.dstColumn)} = ${vectorAt(table, '$2', 'w.n')}
  from pg_catalog.unnest($1::pg_catalog.tid[]) with ordinality as w (place, n)
  where t.ctid operator(pg_catalog.=) w.place
  returning 1
)
select pg_catalog.count(*)::pg_catalog.int4 as count from written`;
}

/** Takes the vectors away from rows of a leaf that are locked; as {@link updatePlaces}, without $2. */
export function clearPlaces(table: EmbeddedTable, leaf: string): string {
  const dst = quoteIdentifier(table.dstColumn);
  return `update only ${leaf} as t
set ${dst} = null
from pg_catalog.unnest($1::pg_catalog.tid[]) with ordinality as w (place, n)
where t.ctid operator(pg_catalog.=) w.place
returning w.n::pg_catalog.int4 as position, ${guardOf('t', table)} as text_hash, t.${dst} is null as is_null`;
}

/** Takes away the vectors, where there are any, from rows of a leaf that are locked. $1 places. */
export function dropVectors(table: EmbeddedTable, leaf: string): string {
  const dst = quoteIdentifier(table.dstColumn);
  return `update only ${leaf} as t
set ${dst} = null
from pg_catalog.unnest($1::pg_catalog.tid[]) as w (place)
where t.ctid operator(pg_catalog.=) w.place and t.${dst} is not null`;
}

/** The hashes of the keys of a leaf's rows, as stamps have them. $1 and $2 the places between which they lie, $3 and $4 the least and greatest. */
export function selectKeyHashes(table: EmbeddedTable, leaf: string): string {
  return `select k.key_hash
from (
  select ${hashOf(keyOf('t', table.keyColumns))} as key_hash
  from only ${leaf} as t
  where t.ctid >= $1::pg_catalog.tid and t.ctid < $2::pg_catalog.tid
) as k
where k.key_hash between $3::pg_catalog.uuid and $4::pg_catalog.uuid`;
}

/** Whether any row has a vector. */
export function selectAnyVector(table: string, dstColumn: string): string {
  return `select exists (select 1 from ${table} as t where t.${quoteIdentifier(dstColumn)} is not null) as is_filled`;
}

/** Whether there is any row. */
export function selectAnyRow(table: string): string {
  return `select exists (select 1 from ${table} as t) as is_filled`;
}
