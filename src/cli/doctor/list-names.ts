/** Names that are listed; more are counted. */
const NAMED = 5;

/** The first names, and how many more there are. */
export function listNames(names: readonly string[]): string {
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `${names.slice(0, NAMED).join(', ')}${more}`;
}
