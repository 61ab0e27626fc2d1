import type { JsonSchema, JsonValue } from '../../../src/models/json-value.ts';

/** A schema and values around the border of what it allows. */
export interface SchemaCase {
  readonly title: string;
  readonly schema: JsonSchema;
  readonly valid: readonly JsonValue[];
  /** The grammar itself refuses these. */
  readonly invalid: readonly JsonValue[];
  /** Invalid too, but only the check afterwards knows. */
  readonly checked?: readonly JsonValue[];
}

/** One value of each type and some odd ones. */
export const ONE_OF_EACH: readonly JsonValue[] = [null, true, false, 0, -7, 2.5, '', 'text', [], [1], {}, { a: null }];

/** The values of {@link ONE_OF_EACH} that are left when these are taken out. */
export function allBut(...taken: readonly JsonValue[]): readonly JsonValue[] {
  const texts = new Set(taken.map((value) => JSON.stringify(value)));
  return ONE_OF_EACH.filter((value) => !texts.has(JSON.stringify(value)));
}
