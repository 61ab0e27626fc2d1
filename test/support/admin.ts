import pg from 'pg';

/** Runs `work` with one connection to `uri` and closes it, whatever happens. */
export async function withClient<T>(uri: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: uri, application_name: 'lamplighter test admin' });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** `uri` with another database, and another login when one is given. */
export function uriOf(uri: string, parts: { database?: string; user?: string; password?: string }): string {
  const url = new URL(uri);
  if (parts.database !== undefined) url.pathname = `/${encodeURIComponent(parts.database)}`;
  if (parts.user !== undefined) url.username = encodeURIComponent(parts.user);
  if (parts.password !== undefined) url.password = encodeURIComponent(parts.password);
  return url.href;
}
