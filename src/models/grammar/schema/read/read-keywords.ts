import {
  compareDecimals,
  type Decimal,
  leastCommonMultiple,
  signOf,
  textOf,
  wholeDecimal,
} from '../../../json/decimal.ts';
import { isJsonObject, type JsonValue } from '../../../json-value.ts';
import { Refused } from '../../output-grammar.ts';
import { isEnforced } from '../text/formats.ts';
import { at, isList, type KeywordReader, pointerTo } from './keyword-reader.ts';
import { INTEGER_FORMATS } from './keywords.ts';
import type {
  ArrayKeywords,
  CheckedSchema,
  NumberKeywords,
  ObjectKeywords,
  ReadSite,
  SchemaSite,
  StringKeywords,
} from './schema-site.ts';

const ONE = wholeDecimal(1n);

/** The schema for the check afterwards, while it is made. */
type Checked = { [keyword: string]: JsonValue | CheckedSchema };

/** The keywords of one type, undefined when none is there, and whether some are left to the check alone. */
export interface TypeKeywords<Keywords> {
  readonly keywords: Keywords | undefined;
  readonly needsCheck: boolean;
}

/** The bounds of numbers, those of `format: "int32"` and the like included. */
export function readNumberKeywords(reader: KeywordReader, checked: Checked): NumberKeywords | undefined {
  const [minimum, exclusiveMinimum] = readBound(reader, 'minimum', 'exclusiveMinimum');
  const [maximum, exclusiveMaximum] = readBound(reader, 'maximum', 'exclusiveMaximum');
  const given = { minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf: reader.number('multipleOf') };
  if (given.multipleOf !== undefined && signOf(given.multipleOf) <= 0) {
    throw new Refused(`Schema keyword "multipleOf" ${at(reader.pointer)} must be greater than 0`);
  }
  const keywords = withinFormat(given, reader.text('format'));
  for (const [keyword, value] of Object.entries(keywords)) if (value !== undefined) checked[keyword] = textOf(value);
  return isAnyGiven(keywords) ? keywords : undefined;
}

/** A bound and the exclusive one. In draft 4, and in OpenAPI 3.0, the latter is true or false and says how the former is meant. */
function readBound(
  reader: KeywordReader,
  keyword: string,
  exclusiveKeyword: string,
): readonly [Decimal | undefined, Decimal | undefined] {
  const bound = reader.number(keyword);
  const exclusive = reader.value(exclusiveKeyword);
  if (exclusive === true) return [undefined, bound];
  return [bound, exclusive === false ? undefined : reader.number(exclusiveKeyword)];
}

function withinFormat(keywords: NumberKeywords, format: string | undefined): NumberKeywords {
  const range = INTEGER_FORMATS.get(format ?? '');
  if (range === undefined) return keywords;
  const [least, most] = [wholeDecimal(range[0]), wholeDecimal(range[1])];
  const { minimum = least, maximum = most, multipleOf } = keywords;
  return {
    ...keywords,
    minimum: compareDecimals(minimum, least) < 0 ? least : minimum,
    maximum: compareDecimals(maximum, most) > 0 ? most : maximum,
    multipleOf: multipleOf === undefined ? ONE : leastCommonMultiple(multipleOf, ONE),
  };
}

/** What is asked of texts. */
export function readStringKeywords(reader: KeywordReader, checked: Checked): StringKeywords | undefined {
  const minLength = reader.least('minLength');
  const maxLength = reader.count('maxLength');
  const pattern = reader.text('pattern');
  const given = reader.text('format');
  // A pattern says what it means; the format beside it may be a name for that alone, or one that others know by another meaning.
  const format = given !== undefined && pattern === undefined && isEnforced(given) ? given : undefined;
  const keywords = { minLength, maxLength, pattern, format };
  copy(checked, keywords);
  return isAnyGiven(keywords) ? { ...keywords, pointer: reader.pointer, minLength: minLength ?? 0 } : undefined;
}

/** What is asked of arrays, in the form of 2020-12; that of draft 7 (`items` as an array, `additionalItems`) is translated. */
export function readArrayKeywords(
  reader: KeywordReader,
  checked: Checked,
  readSite: ReadSite,
): TypeKeywords<ArrayKeywords> {
  const itemsValue = reader.value('items');
  const isOldForm = isList(itemsValue);
  const prefixKeyword = isOldForm ? 'items' : 'prefixItems';
  const prefix = reader
    .list(prefixKeyword)
    ?.map((schema, index) => readSite(schema, pointerTo(reader.pointer, prefixKeyword, index)));
  const restKeyword = isOldForm ? 'additionalItems' : 'items';
  const rest = siteOf(reader, restKeyword, readSite);
  const contains = siteOf(reader, 'contains', readSite);
  const given = {
    minItems: reader.least('minItems'),
    maxItems: reader.count('maxItems'),
    uniqueItems: reader.boolean('uniqueItems'),
  };
  const bounds = { minContains: reader.least('minContains'), maxContains: reader.count('maxContains') };
  if (prefix !== undefined) checked['prefixItems'] = prefix.map((site) => site.checked) as JsonValue; // is JSON
  if (rest !== undefined) checked['items'] = rest.checked;
  if (contains !== undefined) copy(checked, { contains: contains.checked, ...bounds });
  copy(checked, given);
  if (prefix === undefined && rest === undefined && contains === undefined && !isAnyGiven(given)) {
    return { keywords: undefined, needsCheck: false };
  }
  const keywords = {
    prefixItems: prefix ?? [],
    items: rest,
    minItems: Math.max(given.minItems ?? 0, contains === undefined ? 0 : (bounds.minContains ?? 1)),
    maxItems: given.maxItems,
    uniqueItems: given.uniqueItems ?? false,
  };
  return { keywords, needsCheck: contains !== undefined };
}

/** What is asked of objects; `dependencies` of draft 7 is translated. */
export function readObjectKeywords(
  reader: KeywordReader,
  checked: Checked,
  readSite: ReadSite,
): TypeKeywords<ObjectKeywords> {
  const properties = sitesOf(reader, 'properties', readSite);
  const patternProperties = sitesOf(reader, 'patternProperties', readSite);
  const additionalProperties = siteOf(reader, 'additionalProperties', readSite);
  const propertyNames = siteOf(reader, 'propertyNames', readSite);
  const required = reader.texts('required');
  const propertyOrdering = reader.texts('propertyOrdering');
  const bounds = { minProperties: reader.least('minProperties'), maxProperties: reader.count('maxProperties') };
  for (const name of [...(properties?.keys() ?? []), ...(required ?? [])]) refuseName(name, reader.pointer);
  const hasDependencies = readDependencies(reader, checked, readSite);
  copy(checked, {
    ...(properties !== undefined && { properties: checkedOf(properties) }),
    ...(patternProperties !== undefined && { patternProperties: checkedOf(patternProperties) }),
    additionalProperties: additionalProperties?.checked,
    propertyNames: propertyNames?.checked,
    required,
    propertyOrdering,
    ...bounds,
  });
  const keywords = {
    properties: properties ?? new Map<string, SchemaSite>(),
    patternProperties: patternProperties ?? new Map<string, SchemaSite>(),
    additionalProperties,
    propertyNames,
    required: required ?? [],
    ordering: propertyOrdering ?? [],
    minProperties: bounds.minProperties ?? 0,
    maxProperties: bounds.maxProperties,
  };
  const isGiven = isAnyGiven({
    properties,
    patternProperties,
    additionalProperties,
    propertyNames,
    required,
    propertyOrdering,
    ...bounds,
  });
  return { keywords: isGiven ? keywords : undefined, needsCheck: hasDependencies };
}

/** All forms of "when this property is there": left to the check. */
function readDependencies(reader: KeywordReader, checked: Checked, readSite: ReadSite): boolean {
  const required: Record<string, JsonValue> = {};
  const schemas: Record<string, CheckedSchema> = {};
  for (const keyword of ['dependentRequired', 'dependentSchemas', 'dependencies']) {
    for (const [name, value] of Object.entries(reader.object(keyword) ?? {})) {
      refuseName(name, reader.pointer);
      if (isList(value) && keyword !== 'dependentSchemas') required[name] = value;
      else schemas[name] = readSite(value, pointerTo(reader.pointer, keyword, name)).checked;
    }
  }
  if (Object.keys(required).length > 0) checked['dependentRequired'] = required;
  if (Object.keys(schemas).length > 0) checked['dependentSchemas'] = schemas;
  return 'dependentRequired' in checked || 'dependentSchemas' in checked;
}

function siteOf(reader: KeywordReader, keyword: string, readSite: ReadSite): SchemaSite | undefined {
  const schema = reader.value(keyword);
  return schema === undefined ? undefined : readSite(schema, pointerTo(reader.pointer, keyword));
}

function sitesOf(
  reader: KeywordReader,
  keyword: string,
  readSite: ReadSite,
): ReadonlyMap<string, SchemaSite> | undefined {
  const schemas = reader.object(keyword);
  if (!isJsonObject(schemas)) return undefined;
  return new Map(
    Object.entries(schemas).map(([name, schema]) => [name, readSite(schema, pointerTo(reader.pointer, keyword, name))]),
  );
}

function checkedOf(sites: ReadonlyMap<string, SchemaSite>): { [name: string]: CheckedSchema } {
  return Object.fromEntries([...sites].map(([name, site]) => [name, site.checked]));
}

/** JavaScript's validators, ours included, cannot tell this property from the prototype. */
function refuseName(name: string, pointer: string): void {
  if (name === '__proto__') throw new Refused(`Schema property "__proto__" ${at(pointer)} is not supported`);
}

function copy(checked: Checked, keywords: { readonly [keyword: string]: JsonValue | CheckedSchema | undefined }): void {
  for (const [keyword, value] of Object.entries(keywords)) if (value !== undefined) checked[keyword] = value;
}

function isAnyGiven(keywords: object): boolean {
  return Object.values(keywords).some((value) => value !== undefined);
}
