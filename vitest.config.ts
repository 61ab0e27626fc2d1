import { availableParallelism } from 'node:os';
import process from 'node:process';
import { defineConfig } from 'vitest/config';
import { compiledEngines } from './test/support/compiled-engines.ts';
import { SlowFirst } from './test/support/slow-files.ts';

/** What loads models into onnxruntime or llama.cpp, or measures processes that might. */
const ENGINES = [
  'test/models/engine*.test.ts',
  'test/models/onnx*.test.ts',
  'test/models/llama/**/*.test.ts',
  'test/worker/engines.test.ts',
  'test/worker/models-*.test.ts',
  'test/embeddings/daemon-{engine-death,weights}.test.ts',
];

/** What kills, freezes or cuts off processes and servers, or takes as long as a lease. A new file says so in its name: `*-faults.test.ts`. */
const FAULTS = [
  'test/{faults,storm}/**/*.test.ts',
  'test/**/*-faults.test.ts',
  'test/tasks/run-deaths.test.ts',
  'test/worker/{crash,death,installation,lease,log-floods,outage,quarantine}.test.ts',
];

/** What looks at the dashboard in a browser; without Chromium these are skipped, and say so. */
const BROWSER = ['test/browser/**/*.test.ts'];

/** What needs a server that has pgvector: only `npm run test:pgvector` has one. */
const PGVECTOR = ['test/pgvector/**/*.test.ts'];

/** What needs a Python with Ray: only `npm run test:scale` has one. */
const SCALING = ['test/scaling/**/*.test.ts'];

/** The cores that CI has: what runs on more of them would not be tested there. */
const CORES = Math.min(2, availableParallelism());

/** Each has its own database. Many wait, for daemons above all: three at a time took 545 s of the processor in 420 s of two cores. */
const AT_A_TIME = CORES + 3;

/**
 * They wait for leases and restarts: 16 files at five at a time took 87 s of the processor in 110 s. The storm, crashes and deaths of daemons
 * take up to one core each.
 */
const FAULTS_AT_A_TIME = CORES + 6;

/** A server for each run, and time enough on a machine with other work. */
const onServer = {
  globalSetup: ['test/support/server-setup.ts'],
  setupFiles: ['test/support/end-processes.ts'],
  testTimeout: 20_000,
  hookTimeout: 30_000,
};

export default defineConfig({
  test: {
    sequence: { sequencer: SlowFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{src,web/src}/**/*.test.ts'],
          // They hold no state beyond a test, and loading their modules anew took as long as running them.
          isolate: false,
          testTimeout: 20_000,
          maxWorkers: AT_A_TIME,
        },
      },
      {
        plugins: [compiledEngines()],
        test: {
          ...onServer,
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: [...ENGINES, ...FAULTS, ...PGVECTOR, ...BROWSER, ...SCALING],
          // A process of its own for each of 270 files took 0.7 s of the processor more. Modules outlive their file: what changes one, the
          // environment or a global is put back, and a mock is a spy (`vi.spyOn` on the module; one by `vi.mock` comes too late, and stays).
          isolate: false,
          maxWorkers: AT_A_TIME,
        },
      },
      {
        plugins: [compiledEngines()],
        test: {
          ...onServer,
          name: 'faults',
          include: FAULTS,
          maxWorkers: FAULTS_AT_A_TIME,
          // Of a file whose tests run beside each other.
          maxConcurrency: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...onServer,
          name: 'browser',
          globalSetup: [...onServer.globalSetup, 'test/support/browser-setup.ts'],
          include: BROWSER,
          // Beside engines. One browser draws for all of them.
          maxWorkers: CORES,
          sequence: { groupOrder: 2 },
        },
      },
      {
        plugins: [compiledEngines()],
        test: {
          ...onServer,
          name: 'engines',
          include: ENGINES,
          // A test may start five engines, each of which takes a second of both cores.
          testTimeout: 60_000,
          // Each start takes a second of one core, and waits for the other half of it; those that measure milliseconds try again.
          maxWorkers: CORES,
          sequence: { groupOrder: 2 },
        },
      },
      ...(process.env['LAMPLIGHTER_TEST_PGVECTOR'] === undefined
        ? []
        : [
            {
              test: {
                ...onServer,
                name: 'pgvector',
                include: PGVECTOR,
                testTimeout: 60_000,
                maxWorkers: CORES,
              },
            },
          ]),
      ...(process.env['LAMPLIGHTER_TEST_RAY_PYTHON'] === undefined
        ? []
        : [
            {
              test: {
                ...onServer,
                name: 'scaling',
                include: SCALING,
                maxWorkers: 1,
              },
            },
          ]),
    ],
  },
});
