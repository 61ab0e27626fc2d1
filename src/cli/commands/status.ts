import { systemClock } from '../../core/clock.ts';
import { LamplighterError } from '../../core/errors.ts';
import { describeConnection } from '../../db/connection-text.ts';
import type { Queryable } from '../../db/query.ts';
import { classifySqlState } from '../../db/sqlstate.ts';
import type { CliCommand } from '../cli-command.ts';
import { type CliOption, isOn } from '../cli-option.ts';
import { JSON_OPTION } from '../common-options.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { EXIT } from '../exit-code.ts';
import { codeOfInterruption } from '../interruption.ts';
import { embeddingsSection } from '../status/embeddings-section.ts';
import { pausesSection } from '../status/pauses-section.ts';
import { requestsSection } from '../status/requests-section.ts';
import {
  type MeasuredStatus,
  measureStatus,
  renderStatus,
  type StatusReading,
  type StatusSection,
} from '../status/status-section.ts';
import { tasksSection } from '../status/tasks-section.ts';
import { troublesSection } from '../status/troubles-section.ts';
import { workersSection } from '../status/workers-section.ts';
import { withSession } from '../with-session.ts';

const WATCH: CliOption = { flag: 'watch', short: 'w', describes: 'look again every two seconds until stopped' };
const WATCH_INTERVAL_MS = 2_000;

/** What is shown of the database at `place`, in this order; a section for each system. */
const sectionsOf = (place: string): readonly StatusSection[] => [
  troublesSection,
  requestsSection(place),
  pausesSection,
  tasksSection,
  embeddingsSection,
  workersSection,
];

export const statusCommand: CliCommand = {
  name: 'status',
  summary: 'show queues and workers',
  details:
    'Shows what is wrong, what waits and runs by function and model and for what, what ended in the last hour, what is paused, tasks, embedding jobs, and the workers: the figures of the dashboard and of the metrics, at the same cost however full the queue is. A role sees its own; the owner of the schema, the roles of workers and monitors see all.',
  options: [...CONNECTION_OPTIONS, WATCH, JSON_OPTION],
  examples: [
    { command: 'lamplighter status --watch', does: 'keep looking' },
    { command: "lamplighter status --json | jq '.requests'", does: 'for a program' },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const { interruption, terminal } = invocation;
    const settings = connectionOf(invocation);
    const sections = sectionsOf(describeConnection(settings));
    const isWatching = isOn(invocation, WATCH);
    return withSession(invocation, settings, async (session) => {
      for (;;) {
        const { at, readings } = await readSample(session, sections, settings.user);
        if (isOn(invocation, JSON_OPTION)) {
          terminal.print(JSON.stringify(Object.assign({ at }, ...readings.map(({ json }) => json))));
        } else {
          if (isWatching) terminal.clear();
          const width = terminal.isScreen ? terminal.columns : Number.POSITIVE_INFINITY;
          terminal.print(renderStatus(readings, { at, width, style: terminal.style }).join('\n'));
          if (isWatching && !terminal.isScreen) terminal.print();
        }
        if (!isWatching) return EXIT.done;
        await systemClock.delay(WATCH_INTERVAL_MS, interruption.first);
        if (interruption.first.aborted) return codeOfInterruption(interruption);
      }
    });
  },
};

/** One sample, by the clock of the server. */
interface StatusSample {
  readonly at: Date;
  readonly readings: readonly StatusReading[];
}

async function readSample(db: Queryable, sections: readonly StatusSection[], role: string): Promise<StatusSample> {
  try {
    const measured = await measureStatus(db);
    const readings: StatusReading[] = [];
    for (const section of sections) readings.push(await readSection(db, section, measured));
    return { at: measured.figures.at, readings };
  } catch (cause) {
    const kind = classifySqlState(cause);
    if (kind === 'missing') {
      throw new LamplighterError('SCHEMA_MISSING', 'The schema of Lamplighter is not installed in this database', {
        cause,
        hint: 'Run: lamplighter migrate',
      });
    }
    if (kind !== 'permission') throw cause;
    throw new LamplighterError('PERMISSION_DENIED', `The role "${role}" may not look at requests and workers`, {
      cause,
      hint: `As the owner of the schema run: lamplighter migrate --grant ${role}`,
    });
  }
}

/** What the role may not see is told as that. */
async function readSection(db: Queryable, section: StatusSection, measured: MeasuredStatus): Promise<StatusReading> {
  try {
    return await section.read(db, measured);
  } catch (error) {
    if (classifySqlState(error) !== 'permission') throw error;
    return {
      json: {},
      print(screen) {
        screen.title(section.title);
        screen.line('for callers and the owner to see');
      },
    };
  }
}
