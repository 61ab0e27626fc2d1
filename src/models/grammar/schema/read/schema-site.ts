import type { Decimal } from '../../../json/decimal.ts';
import type { JsonValue } from '../../../json-value.ts';

/** `number` includes `integer`; a set never has both. */
export type JsonType = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'array' | 'object';

/** Every type, as a schema without `type` means. */
export const ALL_TYPES: ReadonlySet<JsonType> = new Set(['null', 'boolean', 'number', 'string', 'array', 'object']);

/**
 * A schema for the check afterwards: only keywords that ajv knows, references only into `$defs` of the root. The numbers of bounds and
 * of `multipleOf` are texts.
 */
export type CheckedSchema = boolean | { [keyword: string]: JsonValue | CheckedSchema };

/** Reads a subschema at its pointer. */
export type ReadSite = (schema: JsonValue, pointer: string) => SchemaSite;

/** Schemas that all hold. */
export type Conjunction = readonly SchemaSite[];

/**
 * One schema of a document as read: its keywords verified and given types. Bounds that are absent are undefined.
 *
 * What its keywords say of one type of value holds for values of that type only, as JSON Schema has it.
 */
export interface SchemaSite {
  /** Unique within the document, in the order of reading. */
  readonly id: number;
  /** JSON pointer into the document. */
  readonly pointer: string;
  readonly types: ReadonlySet<JsonType>;
  /** `enum` and `const` together. */
  readonly values: readonly JsonValue[] | undefined;
  readonly number: NumberKeywords | undefined;
  readonly string: StringKeywords | undefined;
  readonly array: ArrayKeywords | undefined;
  readonly object: ObjectKeywords | undefined;
  /** `$ref` and `allOf`. */
  readonly all: Conjunction;
  /** `anyOf`, `oneOf` and `if`: of each group at least one option holds. */
  readonly choices: readonly (readonly Conjunction[])[];
  /** True where a keyword is left to the check afterwards, such as `not` or that only one option of `oneOf` holds. */
  readonly needsCheck: boolean;
  readonly checked: CheckedSchema;
}

export interface NumberKeywords {
  readonly minimum: Decimal | undefined;
  readonly exclusiveMinimum: Decimal | undefined;
  readonly maximum: Decimal | undefined;
  readonly exclusiveMaximum: Decimal | undefined;
  readonly multipleOf: Decimal | undefined;
}

export interface StringKeywords {
  readonly pointer: string;
  readonly minLength: number;
  readonly maxLength: number | undefined;
  readonly pattern: string | undefined;
  readonly format: string | undefined;
}

export interface ArrayKeywords {
  readonly prefixItems: readonly SchemaSite[];
  readonly items: SchemaSite | undefined;
  readonly minItems: number;
  readonly maxItems: number | undefined;
  readonly uniqueItems: boolean;
}

export interface ObjectKeywords {
  readonly properties: ReadonlyMap<string, SchemaSite>;
  readonly patternProperties: ReadonlyMap<string, SchemaSite>;
  readonly additionalProperties: SchemaSite | undefined;
  readonly propertyNames: SchemaSite | undefined;
  readonly required: readonly string[];
  /** `propertyOrdering`: in which order to write properties; it says nothing about what is valid. */
  readonly ordering: readonly string[];
  readonly minProperties: number;
  readonly maxProperties: number | undefined;
}
