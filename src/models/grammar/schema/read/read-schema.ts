import { didYouMean } from '../../../../core/suggest.ts';
import { isJsonObject, type JsonObject, type JsonSchema, type JsonValue } from '../../../json-value.ts';
import { GrammarTooLarge, Refused } from '../../output-grammar.ts';
import { at, createKeywordReader, type KeywordReader, pointerTo } from './keyword-reader.ts';
import { ANNOTATIONS, UNSUPPORTED } from './keywords.ts';
import { readArrayKeywords, readNumberKeywords, readObjectKeywords, readStringKeywords } from './read-keywords.ts';
import { readTypes, readValues } from './read-values.ts';
import { createReferenceResolver, schemaAt } from './resolve-reference.ts';
import {
  ALL_TYPES,
  type CheckedSchema,
  type Conjunction,
  type JsonType,
  type ReadSite,
  type SchemaSite,
} from './schema-site.ts';

/** Most schemas in one document; what the engine could follow is far less. */
const MOST_SITES = 20_000;

/** Most values in the lists of one document: each is looked at several times. */
const MOST_VALUES = 30_000;

/** A schema document as read. */
export interface SchemaDocument {
  readonly root: SchemaSite;
  /** The schemas that references lead to, by the name that checked schemas give them. */
  readonly definitions: Readonly<Record<string, CheckedSchema>>;
}

/**
 * The document with every keyword verified and every reference resolved. Definitions that nothing refers to are not looked at.
 *
 * @throws Refused for a keyword that is not known or not supported, one with a wrong value, or a reference that leads
 * nowhere or elsewhere.
 */
export function readSchema(document: JsonSchema): SchemaDocument {
  const resolver = createReferenceResolver(document);
  const sites = new Map<string, SchemaSite>();
  const references: { readonly target: string; readonly all: SchemaSite[] }[] = [];
  const definitionNames = new Map<string, string>();
  let count = 0;
  let valueCount = 0;

  const definitionOf = (target: string): string => {
    const name = definitionNames.get(target) ?? String(definitionNames.size);
    definitionNames.set(target, name);
    return name;
  };

  const readSite: ReadSite = (schema, pointer) => {
    const known = sites.get(pointer);
    if (known !== undefined) return known;
    count += 1;
    if (count > MOST_SITES) throw new GrammarTooLarge(`The schema has more than ${MOST_SITES} parts`);
    const site = readOne(schema, pointer, count);
    sites.set(pointer, site);
    return site;
  };

  const isStandard = isJsonObject(document) && isJsonSchemaDialect(document['$schema']);

  const readOne = (schema: JsonValue, pointer: string, id: number): SchemaSite => {
    if (typeof schema === 'boolean') return booleanSite(schema, pointer, id);
    if (!isJsonObject(schema)) throw new Refused(`Schema ${at(pointer)} must be an object, true or false`);
    const { nullable, ...others } = schema;
    if (nullable === true && !isStandard) return orNull(readOne(others, pointer, id), pointer);
    refuseKeywords(schema, pointer);
    const reader = createKeywordReader(schema, pointer);
    const checked: { [keyword: string]: JsonValue | CheckedSchema } = {};
    const all: SchemaSite[] = [];
    const reference = reader.text('$ref');
    if (reference !== undefined) {
      const target = resolver.resolve(reference, pointer);
      references.push({ target, all });
      checked['$ref'] = `#/$defs/${definitionOf(target)}`;
    }
    const types = readTypes(reader, checked);
    const values = readValues(reader, checked);
    valueCount += values?.length ?? 0;
    if (valueCount > MOST_VALUES) throw new GrammarTooLarge(`The schema lists more than ${MOST_VALUES} values`);
    const number = readNumberKeywords(reader, checked);
    const string = readStringKeywords(reader, checked);
    const array = readArrayKeywords(reader, checked, readSite);
    const object = readObjectKeywords(reader, checked, readSite);
    const combined = readCombinations(reader, checked, readSite);
    all.push(...combined.allOf);
    return {
      id,
      pointer,
      types: withoutTypes(types, combined.excludedTypes),
      values,
      number,
      string,
      array: array.keywords,
      object: object.keywords,
      all,
      choices: combined.choices,
      needsCheck: combined.needsCheck || array.needsCheck || object.needsCheck,
      checked,
    };
  };

  /** A new site beside another one, at the same place. */
  const orNull = (site: SchemaSite, pointer: string): SchemaSite => {
    const nothing = { ...booleanSite(true, pointer, ++count), types: NULL_ALONE, checked: { type: [...NULL_ALONE] } };
    const either = booleanSite(true, pointer, ++count);
    return {
      ...either,
      choices: [[[site], [nothing]]],
      checked: { anyOf: [site.checked, nothing.checked] as JsonValue },
    };
  };

  refuseWrapper(document);
  const root = readSite(document, '');
  for (let reference = references.shift(); reference !== undefined; reference = references.shift()) {
    const schema = schemaAt(document, reference.target);
    if (schema !== undefined) reference.all.unshift(readSite(schema, reference.target));
  }
  const definitions: Record<string, CheckedSchema> = {};
  for (const [target, name] of definitionNames) definitions[name] = sites.get(target)?.checked ?? true;
  return { root, definitions };
}

const NULL_ALONE: ReadonlySet<JsonType> = new Set(['null']);

/** False for OpenAPI 3.0, which says so nowhere, and where `nullable` is a keyword; in JSON Schema it is one that nobody knows. */
function isJsonSchemaDialect(dialect: JsonValue | undefined): boolean {
  return typeof dialect === 'string' && /^https?:\/\/json-schema\.org\//.test(dialect);
}

/** @throws Refused for what OpenAI's API takes around a schema, saying which part of it is the schema */
function refuseWrapper(document: JsonSchema): void {
  if (!isJsonObject(document)) return;
  const { schema, json_schema: wrapper } = document;
  const isWrapped = isJsonObject(schema) && ('name' in document || 'strict' in document);
  const isWrappedTwice = isJsonObject(wrapper) && isJsonObject(wrapper['schema']);
  if (!isWrapped && !isWrappedTwice) return;
  const part = isWrapped ? 'schema' : 'json_schema.schema';
  throw new Refused(`Schema is wrapped as for OpenAI's response_format: pass the value of "${part}" alone`);
}

function refuseKeywords(schema: JsonObject, pointer: string): void {
  for (const keyword of Object.keys(schema)) {
    if (SUPPORTED.has(keyword) || ANNOTATIONS.has(keyword) || keyword.startsWith('x-')) continue;
    if (keyword === '$id' && pointer === '') continue;
    if (keyword === 'nullable' && typeof schema[keyword] === 'boolean') continue;
    if (UNSUPPORTED.has(keyword) || keyword === '$id') {
      throw new Refused(`Schema keyword "${keyword}" ${at(pointer)} is not supported`);
    }
    throw new Refused(`Schema keyword "${keyword}" ${at(pointer)} is not known${didYouMean(keyword, SUPPORTED)}`);
  }
}

interface Combinations {
  readonly allOf: Conjunction;
  readonly choices: readonly (readonly Conjunction[])[];
  readonly excludedTypes: ReadonlySet<JsonType>;
  readonly needsCheck: boolean;
}

function readCombinations(
  reader: KeywordReader,
  checked: { [keyword: string]: JsonValue | CheckedSchema },
  readSite: ReadSite,
): Combinations {
  const listOf = (keyword: string): readonly SchemaSite[] | undefined => {
    const list = reader.list(keyword);
    if (list === undefined) return undefined;
    if (list.length === 0) throw new Refused(`Schema keyword "${keyword}" ${at(reader.pointer)} must not be empty`);
    const sites = list.map((schema, index) => readSite(schema, pointerTo(reader.pointer, keyword, index)));
    checked[keyword] = sites.map((site) => site.checked) as JsonValue; // a checked schema is JSON
    return sites;
  };
  const one = (keyword: string): SchemaSite | undefined => {
    const schema = reader.value(keyword);
    return schema === undefined ? undefined : readSite(schema, pointerTo(reader.pointer, keyword));
  };
  const allOf = listOf('allOf') ?? [];
  const choices: (readonly Conjunction[])[] = [];
  const anyOf = listOf('anyOf');
  if (anyOf !== undefined) choices.push(anyOf.map((site) => [site]));
  const oneOf = listOf('oneOf');
  if (oneOf !== undefined) choices.push(oneOf.map((site) => [site]));
  const condition = one('if');
  const [consequence, alternative] = [one('then'), one('else')];
  if (condition !== undefined) {
    choices.push([
      consequence === undefined ? [condition] : [condition, consequence],
      alternative === undefined ? [] : [alternative],
    ]);
    checked['if'] = condition.checked;
    if (consequence !== undefined) checked['then'] = consequence.checked;
    if (alternative !== undefined) checked['else'] = alternative.checked;
  }
  const excluded = one('not');
  if (excluded !== undefined) checked['not'] = excluded.checked;
  return {
    allOf,
    choices,
    excludedTypes: excluded === undefined ? new Set() : typesOfAll(excluded),
    needsCheck: (oneOf?.length ?? 0) > 1 || condition !== undefined || excluded !== undefined,
  };
}

/** The types of which every value is valid, where the schema says nothing but types. */
function typesOfAll({ checked, types }: SchemaSite): ReadonlySet<JsonType> {
  if (checked === false) return new Set();
  if (checked === true || Object.keys(checked).every((keyword) => keyword === 'type')) return types;
  return new Set();
}

function withoutTypes(types: ReadonlySet<JsonType>, excluded: ReadonlySet<JsonType>): ReadonlySet<JsonType> {
  if (excluded.size === 0) return types;
  return new Set([...types].filter((type) => !excluded.has(type) && !(type === 'integer' && excluded.has('number'))));
}

function booleanSite(schema: boolean, pointer: string, id: number): SchemaSite {
  return {
    id,
    pointer,
    types: schema ? ALL_TYPES : new Set(),
    values: undefined,
    number: undefined,
    string: undefined,
    array: undefined,
    object: undefined,
    all: [],
    choices: [],
    needsCheck: false,
    checked: schema,
  };
}

/** Every keyword that is read. */
const SUPPORTED: ReadonlySet<string> = new Set([
  '$defs',
  '$ref',
  'additionalItems',
  'additionalProperties',
  'allOf',
  'anyOf',
  'const',
  'contains',
  'definitions',
  'dependencies',
  'dependentRequired',
  'dependentSchemas',
  'else',
  'enum',
  'exclusiveMaximum',
  'exclusiveMinimum',
  'format',
  'if',
  'items',
  'maxContains',
  'maxItems',
  'maxLength',
  'maxProperties',
  'maximum',
  'minContains',
  'minItems',
  'minLength',
  'minProperties',
  'minimum',
  'multipleOf',
  'not',
  'oneOf',
  'pattern',
  'patternProperties',
  'prefixItems',
  'properties',
  'propertyNames',
  'propertyOrdering',
  'required',
  'then',
  'type',
  'uniqueItems',
]);
