import { isWhole } from '../../json/decimal.ts';
import { decimalOf, isExactNumber, isJsonNumber } from '../../json/json-number.ts';
import { writeJson } from '../../json/json-text.ts';
import type { JsonValue } from '../../json-value.ts';
import type { JsonType, SchemaSite } from './read/schema-site.ts';
import type { Shape } from './shape.ts';
import { isStorable } from './text/json-text.ts';

/** True when all schemas accept the value. */
export type ValueCheck = (sites: readonly SchemaSite[], value: JsonValue) => boolean;

/** The JSON texts of all that the shapes allow; undefined when one of them is not a list of values. */
export function textsOfValues(shapes: readonly Shape[], isValid: ValueCheck): readonly string[] | undefined {
  const texts = new Set<string>();
  for (const { values, types, sites } of shapes) {
    if (values === undefined) return undefined;
    for (const value of values) {
      const isAllowed =
        isOfType(value, types) && isStorableValue(value) && (sites.length === 0 || isValid(sites, value));
      if (isAllowed) texts.add(writeJson(value));
    }
  }
  return [...texts];
}

function isOfType(value: JsonValue, types: ReadonlySet<JsonType>): boolean {
  if (value === null) return types.has('null');
  if (Array.isArray(value)) return types.has('array');
  if (isJsonNumber(value)) return types.has('number') || (types.has('integer') && isWhole(decimalOf(value)));
  return types.has(typeof value === 'object' ? 'object' : typeof value === 'boolean' ? 'boolean' : 'string');
}

/** False for values with a text that `jsonb` cannot hold. */
function isStorableValue(value: JsonValue): boolean {
  if (typeof value === 'string') return isStorable(value);
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return true;
  return Object.entries(value).every(([key, child]) => isStorable(key) && isStorableValue(child));
}
