/**
 * True for texts of ASCII white space only.
 *
 * The database refuses at least these; other blanks (such as a no-break space) that it lets through are answered.
 */
export function isBlank(text: string): boolean {
  return !/[^ \t\n\r\f\v]/.test(text);
}
