import { listModelTroubles } from '../../client/model-troubles.ts';
import { listPauses } from '../../client/pauses.ts';
import { listWorkers } from '../../client/worker-status.ts';
import { groupBy } from '../../core/group-by.ts';
import { toPrintable } from '../../core/printable.ts';
import { REQUEST_FUNCTIONS } from '../../core/request-functions.ts';
import { RECOMMENDED_MODELS } from '../../models/catalogue/local-models.ts';
import { describeSupport, resolveDefaultModels } from '../../models/default-models.ts';
import { createModelRegistry } from '../../models/registry.ts';
import { type LaneFigures, readFigures } from '../../monitoring/read-figures.ts';
import { workerCommandFor } from '../../monitoring/worker-command.ts';
import { type Finding, type Patient, type ServerCheck, unlessRefused } from './check.ts';

/** What a worker started here would serve, and which models the running ones cannot use. */
export const modelsCheck: ServerCheck = {
  name: 'models',
  looksAt: 'what a worker started here would serve, and models that running workers cannot use',
  needs: 'schema',
  run: async (patient) => [
    ...(await supportFindings(patient)),
    ...(await unlessRefused('the owner of the schema, for the models of running workers', () =>
      troubleFindings(patient),
    )),
  ],
};

async function supportFindings({ invocation, worker }: Patient): Promise<Finding[]> {
  const config = worker?.config;
  if (config === undefined) return [];
  const registry = createModelRegistry({ providers: invocation.providers });
  const models = resolveDefaultModels(config);
  const support = await describeSupport(registry, models, config.functions);
  const served = support.filter(({ isServed }) => isServed);
  const broken = support.filter(({ isServed, model }) => !isServed && model !== undefined);
  const without = support.filter(({ model }) => model === undefined).map((each) => each.function);
  return [
    ...[...groupBy(served, ({ model }) => model ?? '')].map(
      ([model, each]): Finding => ({
        state: 'ok',
        message: `${model} for ${each.map((one) => one.function).join(', ')}`,
      }),
    ),
    ...[...groupBy(broken, ({ reason }) => reason ?? '')].map(([reason, each]): Finding => {
      const message = `${each.map((one) => one.function).join(', ')}: ${reason}`;
      return { state: 'broken', message, advice: each[0]?.hint };
    }),
    ...(without.length === 0
      ? []
      : [
          {
            state: 'note',
            message: `none for ${without.join(', ')}`,
            advice: `If you need it: --generate-model ${RECOMMENDED_MODELS.generate}, after: lamplighter models pull --default`,
          } as const,
        ]),
  ];
}

async function troubleFindings({ session }: Patient): Promise<Finding[]> {
  const advice = 'If it does not recover by itself, check the address, the key and the quota of its provider.';
  return (await listModelTroubles(session)).map(({ hostname, model, error, since, waiting }) => {
    const words = toPrintable(error).replaceAll(/\s+/g, ' ');
    const message = `${model} is unavailable on ${hostname} since ${since.toISOString()}: ${words} (requests put off: ${waiting})`;
    return { state: 'warning', message, advice, since: since.toISOString() };
  });
}

/** Whether workers run, and whether something waits that none of them serves. */
export const workersCheck: ServerCheck = {
  name: 'workers',
  looksAt: 'whether workers run, and whether one serves every function with a backlog',
  needs: 'schema',
  rights: "the right to queue, a worker's rights, or the owner of the schema",
  async run({ session }) {
    const running = (await listWorkers(session)).filter(({ status }) => status === 'running' || status === 'sleeping');
    const waiting = (await readFigures(session)).lanes.filter(
      ({ pending, stoppedBy }) => pending.count > 0 && stoppedBy === 'not served',
    );
    if (running.length === 0) {
      return [
        {
          state: waiting.length > 0 ? 'warning' : 'note',
          message: `none runs${waitingText(waiting)}`,
          advice: 'lamplighter worker, with --generate-model MODEL for the generate functions',
        },
      ];
    }
    const hosts = [...new Set(running.map(({ hostname }) => hostname))].join(', ');
    return [
      { state: 'ok', message: `${running.length} running on ${hosts}` },
      ...waiting.map((lane): Finding => {
        const known = REQUEST_FUNCTIONS.find((each) => each === lane.functionName);
        const command = known === undefined ? 'lamplighter worker' : workerCommandFor(known, lane.model, true);
        return {
          state: 'warning',
          message: `none serves ${nameOf(lane)}, for which ${lane.pending.count === 1 ? '1 request waits' : `${countOf(lane)} requests wait`}`,
          advice: `${command}; workers log at their start why they do not serve it`,
        };
      }),
    ];
  },
};

/** A pause is easily forgotten. */
export const pausesCheck: ServerCheck = {
  name: 'pauses',
  looksAt: 'functions that somebody has paused',
  needs: 'schema',
  rights: "the right to queue, a worker's or a monitor's rights, or the owner of the schema",
  run: async ({ session }) =>
    (await listPauses(session)).map(({ functionName, pausedAt, pausedBy }) => ({
      state: 'warning',
      message: `${functionName} has been paused by ${toPrintable(pausedBy)} since ${pausedAt.toISOString()}: its requests wait`,
      advice: `As the owner: SELECT steadytext_resume('${functionName}')`,
      since: pausedAt.toISOString(),
    })),
};

function waitingText(waiting: readonly LaneFigures[]): string {
  const texts = waiting.map((lane) => `${countOf(lane)} ${nameOf(lane)}`);
  return texts.length === 0 ? '' : `, and requests wait: ${texts.join(', ')}`;
}

function countOf({ pending: { count, isExact } }: LaneFigures): string {
  return isExact ? String(count) : `more than ${count}`;
}

function nameOf({ functionName, model }: LaneFigures): string {
  return model === 'default' ? functionName : `${functionName} with ${toPrintable(model)}`;
}
