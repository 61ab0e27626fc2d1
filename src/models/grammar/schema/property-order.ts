import { Buffer } from 'node:buffer';
import { heldInPlace } from '../../json/json-text.ts';
import { isJsonObject, type JsonObject, type JsonSchema, type JsonValue } from '../../json-value.ts';
import { isList } from './read/keyword-reader.ts';
import { NAMED_SCHEMAS, PLAIN_VALUES } from './read/keywords.ts';

/** What schemas say of the order in which a model writes properties, each list in the order of importance. */
export interface OrderWishes {
  readonly required: readonly string[];
  /** `propertyOrdering`. */
  readonly ordering: readonly string[];
}

/**
 * The names, each once, in the order in which a model is to write them: as in `required`; then as in `propertyOrdering`; then in the order
 * that `jsonb` keeps, which is by length and then by bytes. So an answer can be made to come after its reasoning.
 */
export function inPropertyOrder(names: Iterable<string>, { required, ordering }: OrderWishes): string[] {
  const given = new Set(names);
  const wished = [...required, ...ordering].filter((name) => given.has(name));
  return [...new Set([...wished, ...asInJsonb([...given])])];
}

/**
 * The schema with the `properties` of every part in the order of {@link inPropertyOrder}, and without `propertyOrdering`: for servers, which
 * go by the order that they see. To be written by `writeJson`.
 */
export function withOrderedProperties(schema: JsonSchema): JsonSchema {
  return typeof schema === 'boolean' ? schema : ordered(schema);
}

function ordered(schema: JsonObject): JsonObject {
  const { required, propertyOrdering } = schema;
  const wishes = { required: textsIn(required), ordering: textsIn(propertyOrdering) };
  const written: { [keyword: string]: JsonValue } = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === 'propertyOrdering') continue;
    if (PLAIN_VALUES.has(keyword)) written[keyword] = value;
    else if (keyword === 'properties' && isJsonObject(value)) written[keyword] = orderedNames(value, wishes);
    else if (NAMED_SCHEMAS.has(keyword) && isJsonObject(value)) {
      written[keyword] = Object.fromEntries(Object.entries(value).map(([name, part]) => [name, orderedPart(part)]));
    } else written[keyword] = orderedPart(value);
  }
  return written;
}

function orderedPart(part: JsonValue): JsonValue {
  if (isList(part)) return part.map(orderedPart);
  return isJsonObject(part) ? ordered(part) : part;
}

function orderedNames(properties: JsonObject, wishes: OrderWishes): JsonObject {
  const names = inPropertyOrder(Object.keys(properties), wishes);
  return Object.fromEntries(names.map((name) => [heldInPlace(name), orderedPart(properties[name] ?? true)]));
}

function textsIn(value: JsonValue | undefined): readonly string[] {
  return isList(value) ? value.filter((item) => typeof item === 'string') : [];
}

function asInJsonb(names: readonly string[]): string[] {
  const bytes = new Map(names.map((name) => [name, Buffer.from(name)]));
  const bytesOf = (name: string) => bytes.get(name) ?? Buffer.of();
  return [...names].sort((one, other) => {
    const [a, b] = [bytesOf(one), bytesOf(other)];
    return a.length - b.length || a.compare(b);
  });
}
