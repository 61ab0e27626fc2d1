/** Values of a list's filter by the names of the query's parameters. */
export type Filter = Readonly<Record<string, string>>;

/** Whether what was typed names one row, or is part of an error's text. */
function isId(text: string): boolean {
  return /^(\d{1,19}|[0-9a-f]{8}-[0-9a-f-]{1,27})$/i.test(text);
}

/** What the search says: `function:embed` sets a filter, a number or uuid is an id, the rest is part of an error's text. */
export function parseSearch(text: string, names: readonly string[]): Filter {
  const found: Record<string, string> = { id: '', error: '' };
  const rest = text.replace(/(\w+):("[^"]*"|\S+)/g, (whole, name: string, value: string) => {
    if (!names.includes(name)) return whole;
    found[name] = value.replace(/^"(.*)"$/, '$1');
    return '';
  });
  const words = rest.trim();
  if (words !== '') found[isId(words) ? 'id' : 'error'] = words;
  return found;
}
