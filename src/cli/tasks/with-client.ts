import type { Client } from '../../client/client.ts';
import { createClient } from '../../client/create-client.ts';
import type { Invocation } from '../cli-command.ts';
import { connectionOf } from '../connection-options.ts';

/** Opens a client for the time of `work`. */
export async function withClient<T>(invocation: Invocation, work: (client: Client) => Promise<T>): Promise<T> {
  const client = createClient({ settings: connectionOf(invocation), log: invocation.log });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
