import pg from 'pg';

/**
 * A pool whose sessions may be ended on purpose: a query on one fails where it is made, and the end of an idle one is no event, also while the
 * pool closes.
 */
export function openTestPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool({ application_name: 'lamplighter test', ...config });
  pool.on('error', () => undefined);
  // A session that was told to end may hear first that the server shuts down, when the pool listens no more.
  pool.on('connect', (client) => void client.on('error', () => undefined));
  return pool;
}
