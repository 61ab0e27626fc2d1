const MASK = '[redacted]';

// JSON as a logger writes it: "password":"...", "sslPassword":"...", "api_key":"...". Escaped quotes stay inside the value.
const SECRET_FIELD =
  /("[^"\\]*(?:password|passphrase|secret|api_?key|access_?token|authorization)"\s*:\s*)("(?:[^"\\]|\\.)*"|[^\s,}\]]+)/gi;
// scheme://user:password@, up to the last @ of the run: unencoded passwords may hold one.
const URI_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/"]*):[^\s"]*@/gi;
// password=..., PGPASSWORD='...', ?sslpassword=...; a backslash may come doubled from JSON, and a quote may be left open.
const ASSIGNED_PASSWORD = /(password\s*=\s*)('(?:[^'\\]|\\+.)*'|'[^"]*|[^\s&"']+)/gi;

/** The text with passwords, keys and the secret part of connection strings masked; plain text and serialised JSON alike. */
export function redact(text: string): string {
  return text
    .replace(SECRET_FIELD, `$1"${MASK}"`)
    .replace(URI_PASSWORD, `$1:${MASK}@`)
    .replace(ASSIGNED_PASSWORD, `$1${MASK}`);
}
