/**
 * Keywords that say nothing about what is valid: those of the standard, of OpenAPI, and of the editors and generators that people use most.
 * Names that begin with `x-` are too.
 */
export const ANNOTATIONS: ReadonlySet<string> = new Set([
  '$anchor',
  '$comment',
  '$dynamicAnchor',
  '$schema',
  '$vocabulary',
  'allowComments',
  'allowTrailingCommas',
  'contentEncoding',
  'contentMediaType',
  'contentSchema',
  'default',
  'defaultSnippets',
  'deprecated',
  'deprecationMessage',
  'description',
  'discriminator',
  'doNotSuggest',
  'enumDescriptions',
  'enumNames',
  'enumItemLabels',
  'enumSortTexts',
  'errorMessage',
  'example',
  'examples',
  'externalDocs',
  'id',
  'javaType',
  'markdownDescription',
  'markdownEnumDescriptions',
  'patternErrorMessage',
  'readOnly',
  'suggestSortText',
  'title',
  'tsEnumNames',
  'tsType',
  'writeOnly',
  'xml',
]);

/** Keywords of the standard that neither the grammar nor the check afterwards can honour. */
export const UNSUPPORTED: ReadonlySet<string> = new Set([
  '$dynamicRef',
  '$recursiveAnchor',
  '$recursiveRef',
  'unevaluatedItems',
  'unevaluatedProperties',
]);

/** Formats that are ranges of integers, as in the OpenAPI format registry. */
export const INTEGER_FORMATS: ReadonlyMap<string, readonly [minimum: bigint, maximum: bigint]> = new Map([
  ...[8n, 16n, 32n, 64n].map((bits) => [`int${bits}`, [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n]] as const),
  ...[8n, 16n, 32n, 64n].map((bits) => [`uint${bits}`, [0n, 2n ** bits - 1n]] as const),
]);

/** Keywords whose properties are not keywords, but names of schemas. */
export const NAMED_SCHEMAS: ReadonlySet<string> = new Set([
  '$defs',
  'definitions',
  'dependencies',
  'dependentSchemas',
  'patternProperties',
  'properties',
]);

/** Keywords whose value is no schema, whatever it looks like. */
export const PLAIN_VALUES: ReadonlySet<string> = new Set(['const', 'default', 'enum', 'example', 'examples']);
