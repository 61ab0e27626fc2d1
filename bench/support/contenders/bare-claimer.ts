import pg from 'pg';
import type { Workable } from './contender.ts';

/** No lease, no roles, no results: hears of a row and takes it with one UPDATE. What a queue in this database takes at the least. */
export const bareClaimer: Workable = {
  title: 'bare LISTEN and UPDATE',
  async migrate(uri) {
    const client = new pg.Client({ connectionString: uri });
    await client.connect();
    await client.query(`create table job (id bigint generated always as identity primary key, prompt text, taken_at timestamptz);
      create index job_ready_idx on job (id) where taken_at is null`);
    await client.end();
  },
  async enqueue(db, prompt) {
    await db.query(
      "with queued as (insert into job (prompt) values ($1) returning id) select pg_notify('job', '') from queued",
      [prompt],
    );
  },
  async startWorker(uri, onHandled) {
    const [listener, claimer] = [0, 1].map(() => new pg.Client({ connectionString: uri })) as [pg.Client, pg.Client]; // two of two
    await Promise.all([listener.connect(), claimer.connect()]);
    // As a worker may lose a claim, but nothing that was queued.
    await claimer.query('set synchronous_commit = off');
    let heard = 0;
    const claimAll = async () => {
      for (let seen = 0; seen < heard; ) {
        seen = heard;
        const { rows } = await claimer.query<{ prompt: string }>(
          `update job set taken_at = clock_timestamp()
           where id in (select id from job where taken_at is null order by id limit 10 for no key update skip locked) returning prompt`,
        );
        if (rows.length > 0) onHandled(rows.length, () => rows.map(({ prompt }) => prompt));
      }
      heard = 0;
    };
    // What cannot be claimed is missing in the result.
    listener.on('notification', () => {
      heard += 1;
      if (heard === 1) void claimAll().catch(() => undefined);
    });
    await listener.query('listen job');
    return {
      async stop() {
        await listener.end();
        await claimer.end();
      },
    };
  },
};
