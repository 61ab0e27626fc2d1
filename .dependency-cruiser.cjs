/**
 * The layers of src/, downward only; a layer that is not named in the list of another one must not be imported by it.
 *
 * cli > dashboard, client, worker, daemon > process > requests, tasks, embeddings, operations, monitoring > models, db > core
 *
 * `process` knows none of the three systems: it takes them as workloads.
 */
const below = {
  core: [],
  db: ['core'],
  models: ['core'],
  requests: ['db', 'core'],
  tasks: ['db', 'core'],
  embeddings: ['models', 'db', 'core'],
  monitoring: ['db', 'core'],
  operations: ['db', 'core'],
  process: ['monitoring', 'db', 'core'],
  worker: ['process', 'requests', 'tasks', 'operations', 'monitoring', 'models', 'db', 'core'],
  daemon: ['process', 'embeddings', 'monitoring', 'models', 'db', 'core'],
  client: ['requests', 'tasks', 'embeddings', 'models', 'db', 'core'],
  dashboard: ['process', 'requests', 'tasks', 'embeddings', 'operations', 'monitoring', 'models', 'db', 'core'],
  cli: [
    'dashboard',
    'client',
    'worker',
    'daemon',
    'process',
    'requests',
    'tasks',
    'embeddings',
    'operations',
    'monitoring',
    'models',
    'db',
    'core',
  ],
};

const layerRules = Object.entries(below).map(([layer, allowed]) => ({
  name: `layer-${layer}`,
  comment: `src/${layer} may import ${allowed.length === 0 ? 'no other layer' : `only ${allowed.join(', ')}`}.`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: { path: '^src/[^/]+/', pathNot: `^src/(${[layer, ...allowed].join('|')})/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'known-layer',
      comment: 'A new folder in src/ needs its place among the layers in this file.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: `^src/(${Object.keys(below).join('|')})/` },
      to: { path: '^src/' },
    },
    {
      name: 'entry-files-are-for-users',
      comment: 'Inside src/, import the module itself, not a public entry point.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/[^/]+[.]ts$' },
    },
    {
      name: 'only-db-talks-to-pg',
      comment: 'Everything outside src/db takes a Queryable.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/db/|[.]test[.]ts$' },
      to: { path: '(^|node_modules/)(@types/)?(pg|pg-pool|pg-protocol|pg-connection-string|pgpass)(/|$)' },
    },
    {
      name: 'process-only-at-the-edge',
      comment:
        'Read the environment through core/env.ts; exit and print in cli/; engines are tied to their parent by serve-engine.ts.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: '^src/core/env[.]ts$|^src/models/engine/serve-engine[.]ts$|^src/cli/|[.]test[.]ts$',
      },
      to: { path: '^(node:)?process$' },
    },
    {
      name: 'no-test-code-in-the-product',
      comment: 'src/ does not know test/, scripts/ or bench/, and no module imports a test.',
      severity: 'error',
      from: { path: '^src/', pathNot: '[.]test[.]ts$' },
      to: { path: '^(test|scripts|bench)/|[.]test[.]ts$' },
    },
    {
      name: 'dependencies-are-declared',
      comment:
        'What src/ imports is installed with the package: a development dependency is not, unless it is an optional peer as well.',
      severity: 'error',
      from: { path: '^src/', pathNot: '[.]test[.]ts$' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-peer'] },
    },
    {
      name: 'page-knows-only-the-api',
      comment: 'The page runs in a browser: of the program it may know the types of src/dashboard/api.ts.',
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^(src|test|scripts|bench)/', pathNot: '^src/dashboard/api[.]ts$' },
    },
    { name: 'no-cycles', comment: 'Types count too.', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
};
