/** A filter as it was when somebody acted by it. */
export function FilterSaid({ filter }: { readonly filter: Readonly<Record<string, unknown>> }) {
  const entries = Object.entries(filter);
  if (entries.length === 0) return <span class="soft">all</span>;
  return (
    <>
      {entries.map(([name, value]) => {
        const text = textOf(value);
        return (
          <span key={name} class="chip chip-still" title={`${name}: ${text}`}>
            <span class="soft">{name}</span>
            <span class="chip-value">{text}</span>
          </span>
        );
      })}
    </>
  );
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
