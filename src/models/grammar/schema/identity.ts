import { canonicalJson, type JsonValue } from '../../json-value.ts';
import type { SchemaSite } from './read/schema-site.ts';

/**
 * A number for each site, one for all that say the same wherever they stand: the grammar has one rule for them. A
 * schema that is only a reference is what it refers to.
 */
export function createIdentities(): (site: SchemaSite) => number {
  const bySite = new Map<number, number>();
  const byText = new Map<string, number>();
  const identityOfText = (text: string): number => {
    const identity = byText.get(text) ?? byText.size;
    byText.set(text, identity);
    return identity;
  };
  return (site) => {
    const known = bySite.get(site.id);
    if (known !== undefined) return known;
    const { id, checked } = target(site);
    const identity = bySite.get(id) ?? identityOfText(canonicalJson(checked as JsonValue)); // a checked schema is JSON
    bySite.set(id, identity);
    bySite.set(site.id, identity);
    return identity;
  };
}

/** False for a schema that accepts everything. */
export function saysSomething({ checked }: SchemaSite): boolean {
  return typeof checked === 'boolean' ? !checked : Object.keys(checked).length > 0;
}

function target(site: SchemaSite): SchemaSite {
  const seen = new Set<SchemaSite>();
  let current = site;
  while (isReference(current) && !seen.has(current)) {
    seen.add(current);
    current = current.all[0] ?? current;
  }
  return current;
}

function isReference({ checked }: SchemaSite): boolean {
  return typeof checked !== 'boolean' && '$ref' in checked && Object.keys(checked).length === 1;
}
