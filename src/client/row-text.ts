/** A time from seconds since 1970 as text. */
export function toDate(seconds: string): Date {
  return new Date(toMs(seconds));
}

/** The time under its name, or nothing where there is none. */
export function toOptionalDate<Name extends string>(
  name: Name,
  seconds: string | null,
): { readonly [name in Name]?: Date } {
  // A computed key widens to an index signature.
  return (seconds === null ? {} : { [name]: toDate(seconds) }) as { readonly [name in Name]?: Date };
}

/** A duration from seconds as text, under its name, or nothing where there is none. */
export function toOptionalMs<Name extends string>(
  name: Name,
  seconds: string | null,
): { readonly [name in Name]?: number } {
  return (seconds === null ? {} : { [name]: toMs(seconds) }) as { readonly [name in Name]?: number }; // as above
}

/** The server counts microseconds; a product alone has digits beyond these. */
function toMs(seconds: string): number {
  return Math.round(Number(seconds) * 1_000_000) / 1_000;
}
