import PgBoss from 'pg-boss';
import { type Contender, isEmpty, type Workable } from './contender.ts';

interface Payload {
  readonly prompt: string;
}

export const QUEUE = 'noop';
/** The shortest that it takes. */
const POLL_SECONDS = 0.5;
/** After a fetch that found nothing; a full queue is worked without a pause. */
const PAUSE_MS = 50;

const enqueuing: Pick<Workable, 'migrate' | 'enqueue'> = {
  async migrate(uri) {
    const boss = openBoss(uri);
    await boss.start();
    await boss.createQueue(QUEUE);
    await boss.stop({ graceful: false, wait: true });
  },
  async enqueue(db, prompt) {
    await db.query('insert into pgboss.job (name, data) values ($1, $2)', [QUEUE, JSON.stringify({ prompt })]);
  },
};

/** pg-boss by its `work`, polling as often as it can. */
export const workingPgBoss: Workable = {
  ...enqueuing,
  title: 'pg-boss, polls every 0.5 s',
  async startWorker(uri, onHandled) {
    const boss = openBoss(uri);
    await boss.start();
    await boss.work<Payload>(QUEUE, { pollingIntervalSeconds: POLL_SECONDS, batchSize: 500 }, async (jobs) => {
      onHandled(jobs.length, () => jobs.map(({ data }) => data.prompt));
    });
    return { stop: () => boss.stop({ graceful: false, wait: true }) };
  },
};

/** pg-boss by its `fetch` and `complete`, in `loops` at once: its own `work` would pause between batches that are quick. */
export function definePgBoss(options: {
  readonly title: string;
  readonly batch: number;
  readonly loops: number;
}): Contender {
  const { title, batch, loops } = options;
  return {
    ...enqueuing,
    title,
    table: 'pgboss.job',
    async fill(pool, count) {
      await pool.query(
        `insert into pgboss.job (name, data)
         select $2, jsonb_build_object('prompt', 'request ' || n, 'max_tokens', 16, 'use_cache', false, 'seed', 42)
         from generate_series(1, $1::integer) as n`,
        [count, QUEUE],
      );
    },
    async clear(pool) {
      await pool.query('truncate pgboss.job');
    },
    isDrained: (pool) => isEmpty(pool, "select 1 from pgboss.job where state < 'completed' limit 1"),
    async startWorker(uri, onHandled) {
      const boss = openBoss(uri);
      await boss.start();
      let isStopping = false;
      const work = async () => {
        while (!isStopping) {
          const jobs = await boss.fetch<Payload>(QUEUE, { batchSize: batch });
          if (jobs.length === 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
          else {
            onHandled(jobs.length, () => jobs.map(({ data }) => data.prompt));
            await boss.complete(
              QUEUE,
              jobs.map(({ id }) => id),
            );
          }
        }
      };
      const working = Promise.all(Array.from({ length: loops }, work));
      return {
        async stop() {
          isStopping = true;
          await working;
          await boss.stop({ graceful: false, wait: true });
        },
      };
    },
  };
}

function openBoss(uri: string): PgBoss {
  const boss = new PgBoss({ connectionString: uri, supervise: false, schedule: false, max: 10 });
  boss.on('error', () => undefined);
  return boss;
}
