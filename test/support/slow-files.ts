import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take more than 15 s in a run of all, the longest first, and what they wait for. */
export const SLOW_FILES: Readonly<Record<string, string>> = {
  'test/embeddings/vectors-outage-faults.test.ts': 'outages that are longer than a lease, one after the other',
  'test/embeddings/vectors-killed-faults.test.ts': 'a daemon killed at each step, and the lease of each',
  'test/embeddings/vectors-connections-faults.test.ts':
    'connections that freeze for longer than a lease, one after the other',
  'test/storm/storm.test.ts': 'storms of 6, 12 and 6 s, and the answers to all that they left behind',
  'test/embeddings/vectors-poisoned-faults.test.ts': 'deaths one after the other, each found after a lease',
  'test/tasks/run-deaths.test.ts': 'a death at each step, of worker, session and server',
  'test/storm/vectors.test.ts': 'a storm of 8 s, and the vectors of all that it left behind',
  'test/worker/log-floods.test.ts': 'outages of 4 s, and pauses that grow',
  'test/monitoring/bounded-reads.test.ts': 'a million requests, and a process for each command',
  'test/tasks/worker-crash-faults.test.ts': 'leases that run out, one after the other',
  'test/embeddings/daemon-jobs-table.test.ts': 'what a daemon tries again after 5 s',
  'test/embeddings/daemon-sync.test.ts': 'rows that are tried again and again',
  'test/embeddings/daemon-provider.test.ts': 'a provider that takes twenty calls in two seconds',
  'test/worker/models-fixtures.test.ts': 'an engine for each of 12 models, and 700 requests',
  'test/worker/engines.test.ts': 'time limits of seconds, and engines that start again',
  'test/worker/models-event-loop.test.ts': 'up to three measurements, so that other work on the machine does not count',
  'test/models/llama/provider.test.ts': 'an engine for each model and setting',
  'test/worker/models-reference.test.ts': 'real weights, and the same requests in other company',
  'test/models/engine.test.ts': 'engines that hang, and pauses before they start again',
  'test/embeddings/daemon-documents-faults.test.ts': 'leases that run out, one after the other',
  'test/cli/startup.test.ts': 'npx in checkouts of its own, which run from their sources',
  'test/worker/outage.test.ts': 'outages of seconds',
  'test/embeddings/daemon-death-faults.test.ts': 'leases that run out, one after the other',
  'test/tasks/handlers.test.ts': 'workers that are killed, and their leases',
  'test/cli/probes-faults.test.ts': 'servers that are down, and processes that drain',
  'test/doctor/breakages.test.ts': 'checks that take as long as they may, and a server of its own',
  'test/cli/demo.test.ts': 'a server for each demonstration',
  'test/faults/worker-killed.test.ts': 'leases that run out',
  'test/embeddings/vectors-replicated.test.ts': 'what replication brings, and when a daemon finds it',
  'test/embeddings/daemon-usage.test.ts': 'a budget that is looked at every 5 s',
  'test/worker/quarantine.test.ts': 'deaths one after the other, each found after a lease',
  'test/cli/models.test.ts': 'a process for each command, and downloads that break off',
  'test/browser/actions.test.ts': 'a browser',
  'test/browser/pages.test.ts': 'a browser',
  'test/browser/live.test.ts': 'a browser, and figures that change',
  'test/faults/server-clock.test.ts': 'a server with a clock of its own, and leases that run out',
  'test/worker/crash.test.ts': 'leases that run out, one after the other',
  'test/embeddings/daemon-tables.test.ts': 'tables that a daemon looks at again after seconds',
  'test/cli/migrate.test.ts': 'a process for each command, some of which wait for another one',
  'test/embeddings/daemon-documents.test.ts': 'a document of 5 MB, and what the next pass puts right',
  'test/faults/server-disk.test.ts': 'a disk that is filled, and a server that recovers',
  'test/cli/status-watch.test.ts': 'figures that come every 2 s',
  'test/history/tasks/planted-defects.test.ts': 'workers that are thought dead',
  'test/properties/interleavings.test.ts': 'random interleavings',
  'test/dashboard/live.test.ts': 'samples that come every second',
  'test/faults/server-down.test.ts': 'outages that are longer than a lease',
  'test/faults/server-failover.test.ts': 'a standby, and leases that run out',
};

const ORDER = Object.keys(SLOW_FILES);

/** Begins with the slow files, whatever their project: the last file of several at a time would otherwise run alone. */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ project, moduleId }: TestSpecification) => {
      const at = ORDER.indexOf(moduleId.slice(project.config.root.length + 1));
      return at === -1 ? ORDER.length : at;
    };
    const sorted = await super.sort(files);
    const places = new Map(sorted.map(({ project }, at) => [project.name, at]));
    const place = ({ project }: TestSpecification) => places.get(project.name) ?? 0;
    return sorted.sort((a, b) => rank(a) - rank(b) || place(a) - place(b));
  }
}
