import type { ModelDefinition } from './define-model.ts';

type Embed = NonNullable<ModelDefinition['embed']>;

/** How an engine that puts nothing before texts embeds those that are searched, and those that are searched with; undefined: alike. */
export function withPrefixes(
  run: Embed['run'],
  prefixes: { readonly document: string; readonly query: string } | undefined,
): Pick<Embed, 'run' | 'runQueries'> {
  if (prefixes === undefined) return { run };
  const after =
    (prefix: string): Embed['run'] =>
    (texts, ...rest) =>
      run(
        texts.map((text) => prefix + text),
        ...rest,
      );
  return { run: after(prefixes.document), runQueries: after(prefixes.query) };
}
