/** The parts of a script that a semicolon in them does not end: strings, identifiers, dollar quotes, comments. */
const TOKEN = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\1\$|--[^\n]*|\/\*[\s\S]*?\*\/|;|[^'"$\-/;]+|[\s\S]/g;

/** The statements of a script one by one, as psql sends them: each a transaction of its own. */
export function splitStatements(script: string): string[] {
  const statements: string[] = [];
  let current = '';
  for (const [token] of script.matchAll(TOKEN)) {
    if (token === ';') {
      statements.push(current);
      current = '';
    } else if (!token.startsWith('--')) current += token;
  }
  return [...statements, current].map((statement) => statement.trim()).filter((statement) => statement !== '');
}
