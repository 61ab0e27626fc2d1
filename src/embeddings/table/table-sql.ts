import type { EmbeddedTable, KeyColumn } from './embedded-table.ts';
import { quoteIdentifier } from './quote-identifier.ts';

/** Texts of ASCII white space only; the same as isBlank of the models, which btrim() is not. */
const NOT_BLANK = `'[^ \\t\\n\\r\\f\\v]'`;

/** A value as text, by the output function of its type; never a cast of a user's. */
function asText(value: string, isPlain: boolean): string {
  return isPlain
    ? `${value}::pg_catalog.text`
    : `case when ${value} is null then null else pg_catalog.format('%s', ${value}) end`;
}

/** 128 bits of the bytes of a text, as a uuid. Without the collation, texts that a collation takes for equal would have one hash. */
function hashOf(text: string): string {
  const half = (seed: number) =>
    `pg_catalog.lpad(pg_catalog.to_hex(pg_catalog.hashtextextended(${text} collate pg_catalog."C", ${seed})), 16, '0')`;
  return `(${half(0)} operator(pg_catalog.||) ${half(1)})::pg_catalog.uuid`;
}

/** The text of the array of a row's key, as batches hold it. */
function keyOf(alias: string, columns: readonly KeyColumn[]): string {
  const values = columns.map(({ name, isPlain }) => asText(`${alias}.${quoteIdentifier(name)}`, isPlain));
  return `array[${values.join(', ')}]::pg_catalog.text[]::pg_catalog.text`;
}

/** The hash of a row's text; null for a blank one, and for one that the filter leaves out. */
function guardOf(alias: string, table: EmbeddedTable): string {
  const text = textOf(alias, table);
  return `case when ${text} operator(pg_catalog.~) ${NOT_BLANK} then ${hashOf(text)} end`;
}

function textOf(alias: string, table: EmbeddedTable): string {
  const text = asText(`${alias}.${quoteIdentifier(table.srcColumn)}`, table.isSrcPlain);
  const kept =
    table.filterColumn === undefined
      ? text
      : `case when ${alias}.${quoteIdentifier(table.filterColumn)} then ${text} end`;
  // Patterns refuse collations that take different texts for equal.
  return `(${kept}) collate pg_catalog."C"`;
}

/** The condition that finds the rows of a key, `key` being an expression for a text[]; with `hasNulls` no index helps. */
function isRowOf(alias: string, key: string, columns: readonly KeyColumn[], hasNulls: boolean): string {
  return columns
    .map((column, index) => {
      const value = `${alias}.${quoteIdentifier(column.name)}`;
      const wanted = `(${key})[${index + 1}]`;
      const isEqual =
        column.equality === undefined
          ? `${asText(value, column.isPlain)} operator(pg_catalog.=) ${wanted}`
          : `${value} ${column.equality} ${wanted}::${column.type}`;
      return hasNulls ? `((${isEqual}) or (${value} is null and ${wanted} is null))` : `(${isEqual})`;
    })
    .join(' and ');
}

/** True for the text of an array that has a null element. */
export function hasNullElement(key: string): boolean {
  return /(?:^\{|,)NULL(?=,|\}$)/.test(key.replace(/"(?:[^"\\]|\\.)*"/g, '""'));
}

/**
 * Judges a row of `f` by its stamp `k`; `unstamped` is the kind of one that has a vector and no stamp, `doubt` the condition under which a
 * stamp proves nothing about the vector.
 */
function kindOf(unstamped: string, doubt: string): string {
  return `case
    when f.is_blank and f.is_missing and k.has_stamp and k.text_hash is null then 'same'
    when f.is_blank and f.is_missing then 'blank'
    when f.is_blank then 'clear'
    when k.is_failed and k.text_hash = f.text_hash and k.model = $2 then 'same'
    when f.is_missing then 'embed'
    when not k.has_stamp then ${unstamped}
    when ${doubt} then 'embed'
    when not k.is_failed and k.text_hash = f.text_hash and k.model = $2 and k.dimensions = $3 then 'same'
    else 'embed' end`;
}

/** What is to be done with a row: nothing, a stamp only, a vector taken away, or a vector made. */
export type RowKind = 'same' | 'blank' | 'trusted' | 'clear' | 'embed';

const FOUND_COLUMNS = (table: EmbeddedTable, alias: string) => `${keyOf(alias, table.keyColumns)} as key,
    ${hashOf(keyOf(alias, table.keyColumns))} as key_hash,
    ${textOf(alias, table)} as text,
    ${alias}.${quoteIdentifier(table.dstColumn)} is null as is_missing`;

/**
 * Reads the rows of keys, and judges by their stamps what is to be done. $1 job, $2 model, $3 dimensions, $4 keys. A row for each that is
 * not `same`: leaf, place, key, key_hash, text_hash, kind, and the text where it is to be embedded. Of rows that share a key a stamp says
 * nothing, as it is of one of them.
 */
export function selectChanged(table: EmbeddedTable, hasNulls: boolean): string {
  return `with wanted as materialized (
  select w.key::pg_catalog.text[] as key from pg_catalog.unnest($4::pg_catalog.text[]) as w (key)
), row as materialized (
  select t.tableoid as leaf, t.ctid as place, ${FOUND_COLUMNS(table, 't')}
  from wanted as w
  join ${table.name} as t on ${isRowOf('t', 'w.key', table.keyColumns, hasNulls)}
), found as materialized (
  select r.*, ${hashOf('r.text')} as text_hash, r.text is null or r.text !~ ${NOT_BLANK} as is_blank,
         pg_catalog.count(*) over (partition by r.key) as count
  from row as r
), judged as (
  select f.*, ${kindOf(`'embed'`, 'k.is_trusted or f.count > 1')} as kind
  from found as f
  join lamplighter.lookup_stamps($1, array(select f.key from found as f), array(select f.key_hash from found as f)) as k
    on k.key_hash = f.key_hash
)
select j.leaf::pg_catalog.text, j.place::pg_catalog.text, j.key, j.key_hash, case when j.is_blank then null else j.text_hash end as text_hash,
       j.kind, case when j.kind = 'embed' then j.text end as text
from judged as j
where j.kind <> 'same'`;
}

/**
 * Reads one page of a leaf, as {@link selectChanged}, up to $8 rows to be embedded. $1 job, $2 model, $3 dimensions, $4 whether vectors
 * without a stamp are trusted, $5 and $6 the places between which rows lie, $7 whether the pass is a full one: else only rows without a
 * vector are looked at. The last row, of kind `page`, has in `text` how many rows there were, how many were blank, how many wait in a batch
 * since a pass found them, how many bytes of text, whether the page was cut short, and the last place.
 */
export function selectPage(table: EmbeddedTable, leaf: string): string {
  return `with row as materialized (
  select t.ctid as place, ${FOUND_COLUMNS(table, 't')}
  from only ${leaf} as t
  where t.ctid > $5::pg_catalog.tid and t.ctid < $6::pg_catalog.tid
    and ($7 or t.${quoteIdentifier(table.dstColumn)} is null)
), found as materialized (
  select r.*, ${hashOf('r.text')} as text_hash, r.text is null or r.text !~ ${NOT_BLANK} as is_blank
  from row as r
), judged as materialized (
  select f.*, case when k.is_waiting then 'same' else ${kindOf(`case when $4 then 'trusted' else 'embed' end`, 'false')} end as kind, k.is_of_pass
  from found as f
  join lamplighter.lookup_stamps($1, array(select f.key from found as f), array(select f.key_hash from found as f)) as k
    on k.key_hash = f.key_hash
), counted as materialized (
  select j.*, pg_catalog.count(*) filter (where j.kind = 'embed') over (order by j.place rows unbounded preceding) as position
  from judged as j
), page as materialized (
  select c.* from counted as c where c.position <= $8
)
select p.place::pg_catalog.text, p.key, p.key_hash, case when p.is_blank then null else p.text_hash end as text_hash,
       p.kind, case when p.kind = 'embed' then p.text end as text
from page as p
where p.kind <> 'same'
union all
select null, null, null, null, 'page', pg_catalog.json_build_object(
  'rows', case when $7 then pg_catalog.count(*) else (
    select pg_catalog.count(*) from only ${leaf} as t
    where t.ctid > $5::pg_catalog.tid and t.ctid < $6::pg_catalog.tid
      and (not exists (select 1 from counted as c where c.position > $8) or t.ctid <= (select pg_catalog.max(l.place) from page as l))) end,
  'waiting', pg_catalog.count(*) filter (where p.is_of_pass), 'blank', pg_catalog.count(*) filter (where p.is_blank),
  'bytes', coalesce(pg_catalog.sum(pg_catalog.octet_length(p.text)), 0),
  'isCut', exists (select 1 from counted as c where c.position > $8),
  'last', pg_catalog.max(p.place)::pg_catalog.text)::pg_catalog.text
from page as p`;
}

/** Locks rows of a leaf where they are still there and nobody else has them. $1 places. The newest version's place, key and hash of text. */
export function lockPlaces(table: EmbeddedTable, leaf: string): string {
  return `select t.ctid::pg_catalog.text as place, ${keyOf('t', table.keyColumns)} as key, ${guardOf('t', table)} as text_hash,
       t.tableoid::pg_catalog.text as leaf
from only ${leaf} as t
where t.ctid = any ($1::pg_catalog.tid[])
for no key update skip locked`;
}

/** Locks rows that have moved since they were claimed, by key; as {@link lockPlaces}. $1 keys. */
export function lockKeys(table: EmbeddedTable, hasNulls: boolean): string {
  return `select t.ctid::pg_catalog.text as place, ${keyOf('t', table.keyColumns)} as key, ${guardOf('t', table)} as text_hash,
       t.tableoid::pg_catalog.text as leaf
from (select u.key::pg_catalog.text[] as key from pg_catalog.unnest($1::pg_catalog.text[]) as u (key)) as w
join ${table.name} as t on ${isRowOf('t', 'w.key', table.keyColumns, hasNulls)}
for no key update of t skip locked`;
}

/**
 * Writes vectors into rows of a leaf that are locked. $1 places, $2 the vectors one after the other as one float4[]. For each row that was
 * written its position in $1, the hash of its text as it is now, and whether it has no vector all the same.
 */
export function updatePlaces(table: EmbeddedTable, leaf: string, dimensions: number): string {
  const dst = quoteIdentifier(table.dstColumn);
  const slice = `($2::pg_catalog.float4[])[(w.n operator(pg_catalog.-) 1) operator(pg_catalog.*) ${dimensions} operator(pg_catalog.+) 1 : w.n operator(pg_catalog.*) ${dimensions}]`;
  return `update only ${leaf} as t
set ${dst} = (${slice})${table.dstCast}
from pg_catalog.unnest($1::pg_catalog.tid[]) with ordinality as w (place, n)
where t.ctid operator(pg_catalog.=) w.place
returning w.n::pg_catalog.int4 as position, ${guardOf('t', table)} as text_hash, t.${dst} is null as is_null`;
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

/** Whether any row has a vector. */
export function selectAnyVector(table: string, dstColumn: string): string {
  return `select exists (select 1 from ${table} as t where t.${quoteIdentifier(dstColumn)} is not null) as is_filled`;
}

/** Whether there is any row. */
export function selectAnyRow(table: string): string {
  return `select exists (select 1 from ${table} as t) as is_filled`;
}
