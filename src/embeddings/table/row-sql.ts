import type { EmbeddedTable, KeyColumn } from './embedded-table.ts';
import { quoteIdentifier } from './quote-identifier.ts';

/** Texts of ASCII white space only; the same as isBlank of the models, which btrim() is not. */
export const NOT_BLANK = `'[^ \\t\\n\\r\\f\\v]'`;

/** Most bytes of an image; the same as the daemon takes by URL. */
const MOST_BYTES = 20_000_000;

/** A value as text, by the output function of its type; never a cast of a user's. */
function asText(value: string, isPlain: boolean): string {
  return isPlain
    ? `${value}::pg_catalog.text`
    : `case when ${value} is null then null else pg_catalog.format('%s', ${value}) end`;
}

/** 128 bits of the bytes of a text, as a uuid. Without the collation, texts that a collation takes for equal would have one hash. */
export function hashOf(text: string): string {
  const half = (seed: number) =>
    `pg_catalog.int8send(pg_catalog.hashtextextended(${text} collate pg_catalog."C", ${seed}))`;
  // As to_hex and lpad would have it, in half of their time.
  return `pg_catalog.encode(${half(0)} operator(pg_catalog.||) ${half(1)}, 'hex')::pg_catalog.uuid`;
}

/** The text of the array of a row's key, as batches hold it. */
export function keyOf(alias: string, columns: readonly KeyColumn[]): string {
  const values = columns.map(({ name, isPlain }) => asText(`${alias}.${quoteIdentifier(name)}`, isPlain));
  return `array[${values.join(', ')}]::pg_catalog.text[]::pg_catalog.text`;
}

/** The hash of a row's text; null for a blank one, and for one that the filter leaves out. */
export function guardOf(alias: string, table: EmbeddedTable): string {
  if (table.srcKind === 'bytes') return hashOfBytes(keptOf(alias, table));
  const text = textOf(alias, table);
  return `case when ${text} operator(pg_catalog.~) ${NOT_BLANK} then ${hashOf(text)} end`;
}

/** 128 bits of an image, as a uuid; of one that is not read only of its size. Null for none, and for an empty one. */
function hashOfBytes(bytes: string): string {
  const length = `pg_catalog.octet_length(${bytes})`;
  const digest = (value: string) => `pg_catalog.encode(pg_catalog.sha256(${value}), 'hex')`;
  const size = `pg_catalog.convert_to(${length}::pg_catalog.text, 'UTF8')`;
  return `case when ${length} operator(pg_catalog.>) 0 then pg_catalog.substr(
      case when ${length} operator(pg_catalog.<=) ${MOST_BYTES} then ${digest(bytes)} else ${digest(size)} end, 1, 32)::pg_catalog.uuid end`;
}

/** How many bytes an image has, which is known without reading them. */
export function sizeOf(alias: string, table: EmbeddedTable): string {
  return `pg_catalog.octet_length(${keptOf(alias, table)})`;
}

/** Bytes in base64; of more than a model would read only how many they are, as nothing that large has to travel. */
export function bytesAsText(bytes: string): string {
  const length = `pg_catalog.octet_length(${bytes})`;
  return `case when ${length} operator(pg_catalog.<=) ${MOST_BYTES}
    then pg_catalog.encode(${bytes}, 'base64')
    when ${length} operator(pg_catalog.>) ${MOST_BYTES} then pg_catalog.format('%s bytes', ${length}) end`;
}

/** The source as it is, or null where the filter leaves the row out. */
function keptOf(alias: string, { srcColumn, filterColumn }: EmbeddedTable): string {
  const source = `${alias}.${quoteIdentifier(srcColumn)}`;
  return filterColumn === undefined ? source : `case when ${alias}.${quoteIdentifier(filterColumn)} then ${source} end`;
}

export function textOf(alias: string, table: EmbeddedTable): string {
  const source = keptOf(alias, table);
  const text = table.srcKind === 'bytes' ? bytesAsText(source) : asText(source, table.srcKind === 'plain');
  // Patterns refuse collations that take different texts for equal.
  return `(${text}) collate pg_catalog."C"`;
}

/** The condition that finds the rows of a key, `key` being an expression for a text[]; with `hasNulls` no index helps. */
export function isRowOf(alias: string, key: string, columns: readonly KeyColumn[], hasNulls: boolean): string {
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

/** The condition that two rows have one key, which has no nulls. */
export function isSameKey(alias: string, other: string, columns: readonly KeyColumn[]): string {
  return columns
    .map(({ name, equality, isPlain }) => {
      const [value, wanted] = [alias, other].map((table) => `${table}.${quoteIdentifier(name)}`);
      return equality === undefined
        ? `${asText(`${value}`, isPlain)} operator(pg_catalog.=) ${asText(`${wanted}`, isPlain)}`
        : `${value} ${equality} ${wanted}`;
    })
    .join(' and ');
}

/** True for the text of an array that has a null element. */
export function hasNullElement(key: string): boolean {
  return /(?:^\{|,)NULL(?=,|\}$)/.test(key.replace(/"(?:[^"\\]|\\.)*"/g, '""'));
}

/** One of the vectors that `encodeVectors` made for a table: `array` is the parameter, `position` counts from 1. */
export function vectorAt({ wire, dstCast }: EmbeddedTable, array: string, position: string): string {
  return `((${array}::${wire.type}[])[${position}])${dstCast}`;
}
