import pg from 'pg';

const INTERVAL_MS = 10;

/** What busy sessions wait for, by name, as shares of all that was seen; `running` is no wait. The most frequent come first. */
export type WaitShares = readonly { readonly event: string; readonly share: number }[];

/** Looks at what the sessions of a database do a hundred times a second, until stopped. */
export async function sampleWaits(uri: string): Promise<{ stop(): Promise<WaitShares> }> {
  const client = new pg.Client({ connectionString: uri });
  await client.connect();
  const seen = new Map<string, number>();
  const stopping = new AbortController();
  const sampling = sample();

  async function sample(): Promise<void> {
    while (!stopping.signal.aborted) {
      const { rows } = await client.query<{ event: string; sessions: number }>(
        `select coalesce(wait_event_type || ':' || wait_event, 'running') as event, count(*)::integer as sessions
         from pg_stat_activity
         where state = 'active' and backend_type = 'client backend' and datname = current_database() and pid <> pg_backend_pid()
         group by 1`,
      );
      for (const { event, sessions } of rows) seen.set(event, (seen.get(event) ?? 0) + sessions);
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    }
  }

  return {
    async stop() {
      stopping.abort();
      await sampling;
      await client.end();
      const total = [...seen.values()].reduce((sum, count) => sum + count, 0);
      return [...seen].map(([event, count]) => ({ event, share: count / total })).sort((a, b) => b.share - a.share);
    },
  };
}

/** The first few in words: `LWLock:WALWrite 61 %, running 20 %`. */
export function describeWaits(shares: WaitShares, count = 3): string {
  return shares
    .slice(0, count)
    .map(({ event, share }) => `${event} ${Math.round(share * 100)} %`)
    .join(', ');
}
