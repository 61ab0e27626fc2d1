import pg from 'pg';

/** A pool for a bench. Sessions that are being closed while the server stops tell of an error, which is none. */
export function openPool(uri: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString: uri, max });
  pool.on('error', () => undefined);
  return pool;
}
