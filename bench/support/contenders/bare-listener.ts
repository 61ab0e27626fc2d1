import pg from 'pg';
import type { Workable } from './contender.ts';

/** No queue at all: NOTIFY with the prompt, and a connection that listens. Below this no latency can be. */
export const bareListener: Workable = {
  title: 'bare NOTIFY, no queue',
  migrate: async () => undefined,
  async enqueue(db, prompt) {
    await db.query("select pg_notify('bench', $1)", [prompt]);
  },
  async startWorker(uri, onHandled) {
    const client = new pg.Client({ connectionString: uri });
    await client.connect();
    client.on('notification', ({ payload = '' }) => onHandled(1, () => [payload]));
    await client.query('listen bench');
    return { stop: () => client.end() };
  },
};
