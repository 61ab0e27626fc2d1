import pg from 'pg';

/** Another session that keeps its snapshot, as an hour-long query or a dump does: nothing that ends after now can be vacuumed away. */
export async function holdSnapshot(uri: string): Promise<{ release(): Promise<void> }> {
  const session = new pg.Client({ connectionString: uri });
  session.on('error', () => undefined);
  await session.connect();
  await session.query('begin isolation level repeatable read');
  await session.query('select count(*) from pg_class');
  return { release: () => session.end() };
}
