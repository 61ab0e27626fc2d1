import { listModelTroubles } from '../../client/model-troubles.ts';
import { listPauses } from '../../client/pauses.ts';
import { listWorkers } from '../../client/worker-status.ts';
import { groupBy } from '../../core/group-by.ts';
import { toPrintable } from '../../core/printable.ts';
import { REQUEST_FUNCTIONS } from '../../core/request-functions.ts';
import { classifySqlState } from '../../db/sqlstate.ts';
import { RECOMMENDED_MODELS } from '../../models/catalogue/local-models.ts';
import { describeSupport, resolveDefaultModels } from '../../models/default-models.ts';
import { createModelRegistry } from '../../models/registry.ts';
import { type LaneFigures, readFigures } from '../../monitoring/read-figures.ts';
import { workerCommandFor } from '../../monitoring/worker-command.ts';
import type { Finding, Patient } from './check.ts';

/** What a worker started here would serve. */
export async function checkModels({ invocation, worker }: Patient): Promise<Finding[]> {
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
        subject: 'models',
        says: `${model} for ${each.map((one) => one.function).join(', ')}`,
      }),
    ),
    ...[...groupBy(broken, ({ reason }) => reason ?? '')].map(([reason, each]): Finding => {
      const says = `${each.map((one) => one.function).join(', ')}: ${reason}`;
      const fix = each[0]?.hint;
      return { state: 'broken', subject: 'models', says, ...(fix === undefined ? {} : { fix }) };
    }),
    ...(without.length === 0
      ? []
      : [
          {
            state: 'note',
            subject: 'models',
            says: `none for ${without.join(', ')}`,
            fix: `If you need it: --generate-model ${RECOMMENDED_MODELS.generate}, after: lamplighter models pull --default`,
          } as const,
        ]),
  ];
}

/** Which models the running workers cannot use. */
export async function checkModelTroubles({ session }: Patient): Promise<Finding[]> {
  const subject = 'models';
  const fix = 'Nothing, if it comes back by itself; else see the address, the key and the quota of its provider.';
  try {
    return (await listModelTroubles(session)).map(({ hostname, model, error, since, waiting }) => {
      const words = toPrintable(error).replaceAll(/\s+/g, ' ');
      const says = `${model} is unavailable on ${hostname} since ${since.toISOString()}: ${words} (requests put off: ${waiting})`;
      return { state: 'warning', subject, says, fix };
    });
  } catch (error) {
    if (classifySqlState(error) !== 'permission') throw error;
    return [];
  }
}

/** Whether workers run, and whether something waits that none of them serves. */
export async function checkWorkers({ session }: Patient): Promise<Finding[]> {
  const subject = 'workers';
  try {
    const running = (await listWorkers(session)).filter(({ status }) => status === 'running' || status === 'sleeping');
    const waiting = (await readFigures(session)).lanes.filter(
      ({ pending, stoppedBy }) => pending.count > 0 && stoppedBy === 'not served',
    );
    const state = running.length === 0 && waiting.length > 0 ? 'warning' : 'ok';
    if (running.length === 0) {
      return [
        ...(await pauseFindings(session)),
        {
          state: waiting.length > 0 ? 'warning' : 'note',
          subject,
          says: `none runs${waitingText(waiting)}`,
          fix: 'lamplighter worker, with --generate-model MODEL for the generate functions',
        },
      ];
    }
    const hosts = [...new Set(running.map(({ hostname }) => hostname))].join(', ');
    return [
      { state, subject, says: `${running.length} running on ${hosts}` },
      ...(await pauseFindings(session)),
      ...waiting.map((lane): Finding => {
        const known = REQUEST_FUNCTIONS.find((each) => each === lane.functionName);
        const command = known === undefined ? 'lamplighter worker' : workerCommandFor(known, lane.model, true);
        return {
          state: 'warning',
          subject,
          says: `none serves ${nameOf(lane)}, for which ${lane.pending.count === 1 ? '1 request waits' : `${countOf(lane)} requests wait`}`,
          fix: `${command}; the workers say at their start why they do not serve it`,
        };
      }),
    ];
  } catch (error) {
    if (classifySqlState(error) !== 'permission') throw error;
    return [{ state: 'ok', subject, says: 'for callers and the owner to see' }];
  }
}

/** A pause is easily forgotten. */
async function pauseFindings(session: Patient['session']): Promise<Finding[]> {
  return (await listPauses(session)).map(({ functionName, pausedAt, pausedBy }) => ({
    state: 'warning',
    subject: 'pauses',
    says: `${functionName} has been paused by ${toPrintable(pausedBy)} since ${pausedAt.toISOString()}: its requests wait`,
    fix: `As the owner: SELECT steadytext_resume('${functionName}')`,
  }));
}

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
