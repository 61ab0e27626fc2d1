import { inject } from 'vitest';
import { withClient } from '../support/admin.ts';

/** The major version of the server of the run, such as 18. */
export async function serverMajor(): Promise<number> {
  return withClient(inject('serverUri'), async (client) => {
    const { rows } = await client.query<{ server_version_num: string }>('show server_version_num');
    return Math.floor(Number(rows[0]?.server_version_num) / 10_000);
  });
}
