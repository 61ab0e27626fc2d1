import { isJsonObject, type JsonObject, type JsonSchema, type JsonValue } from '../../json-value.ts';

const MAX_DEPTH = 10;
const MAX_PROPERTIES = 5_000;
const MAX_ENUM_VALUES = 1_000;

/**
 * Keywords that OpenAI's strict structured outputs take, and `propertyOrdering`, which is not sent; `properties`, `items` and the like are
 * looked into besides.
 */
const KEYWORDS: ReadonlySet<string> = new Set([
  '$defs',
  '$ref',
  'additionalProperties',
  'anyOf',
  'const',
  'definitions',
  'description',
  'enum',
  'exclusiveMaximum',
  'exclusiveMinimum',
  'format',
  'items',
  'maxItems',
  'maximum',
  'minItems',
  'minimum',
  'multipleOf',
  'pattern',
  'properties',
  'propertyOrdering',
  'required',
  'title',
  'type',
]);
const FORMATS: ReadonlySet<JsonValue> = new Set([
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'uuid',
]);

/**
 * True for schemas that OpenAI enforces: an object at the root; objects that name all their properties, require each and
 * allow no others; no keyword that it does not know; of bounded size.
 */
export function isStrictSubset(schema: JsonSchema): boolean {
  if (!isJsonObject(schema) || schema['type'] !== 'object' || 'anyOf' in schema) return false;
  const sizes = { properties: 0, enumValues: 0 };
  return isStrict(schema, 0, sizes) && sizes.properties <= MAX_PROPERTIES && sizes.enumValues <= MAX_ENUM_VALUES;
}

function isStrict(schema: JsonValue, depth: number, sizes: { properties: number; enumValues: number }): boolean {
  if (!isJsonObject(schema) || depth > MAX_DEPTH * 2) return false;
  if (Object.keys(schema).some((key) => !KEYWORDS.has(key))) return false;
  if (!('type' in schema || 'enum' in schema || 'const' in schema || 'anyOf' in schema || '$ref' in schema))
    return false;
  if ('format' in schema && !FORMATS.has(schema['format'] ?? null)) return false;
  if (isList(schema['enum'])) sizes.enumValues += schema['enum'].length;
  if (typesOf(schema).includes('object') && !isStrictObject(schema, sizes)) return false;
  if (typesOf(schema).includes('array') && !('items' in schema)) return false;
  return childrenOf(schema).every((child) => isStrict(child, depth + 1, sizes));
}

function isStrictObject(schema: JsonObject, sizes: { properties: number }): boolean {
  const { properties = {}, required = [], additionalProperties } = schema;
  if (additionalProperties !== false || !isJsonObject(properties) || !isList(required)) return false;
  const names = Object.keys(properties);
  sizes.properties += names.length;
  return names.length === required.length && names.every((name) => required.includes(name));
}

function childrenOf(schema: JsonObject): JsonValue[] {
  const maps = [schema['properties'], schema['$defs'], schema['definitions']];
  const children = maps.flatMap((map) => (map !== undefined && isJsonObject(map) ? Object.values(map) : []));
  if (isList(schema['anyOf'])) children.push(...schema['anyOf']);
  if (schema['items'] !== undefined) children.push(schema['items']);
  return children;
}

function typesOf({ type }: JsonObject): readonly JsonValue[] {
  if (isList(type)) return type;
  return type === undefined ? [] : [type];
}

/** `Array.isArray` does not narrow readonly arrays. */
function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}
