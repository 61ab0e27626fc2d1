import { describeConnection } from '../../db/connection/connection-text.ts';
import type { CliCommand } from '../cli-command.ts';
import { type CliOption, isOn } from '../cli-option.ts';
import { JSON_OPTION } from '../common-options.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { EXIT } from '../exit.ts';
import { embeddingsSection } from '../status/embeddings-section.ts';
import { requestsSection } from '../status/requests-section.ts';
import { readSample, sampleText } from '../status/status-sample.ts';
import { renderStatus, type StatusSection } from '../status/status-section.ts';
import { tasksSection } from '../status/tasks-section.ts';
import { troublesSection } from '../status/troubles-section.ts';
import { watchStatus } from '../status/watch-status.ts';
import { pausesSection, workersSection } from '../status/workers-section.ts';
import { withSession } from '../with-session.ts';

const WATCH: CliOption = {
  flag: 'watch',
  short: 'w',
  describes: 'repeat every two seconds until stopped, on a terminal with q',
};

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
    'Shows problems, waiting and running requests by function and model with the reasons of waits, the last hour, pauses, tasks, embedding jobs and workers. The figures are those of the dashboard and the metrics, and their cost does not grow with the queue. A role sees its own requests; the owner of the schema, workers and monitors see all.',
  options: [...CONNECTION_OPTIONS, WATCH, JSON_OPTION],
  examples: [
    { command: 'lamplighter status --watch', does: 'keep looking' },
    { command: "lamplighter status --json | jq '.requests'", does: 'for a program' },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const { terminal } = invocation;
    const settings = connectionOf(invocation);
    const place = describeConnection(settings);
    const sections = sectionsOf(place);
    const isJson = isOn(invocation, JSON_OPTION);
    if (isOn(invocation, WATCH)) return watchStatus(invocation, { settings, sections, place, isJson });
    return withSession(invocation, settings, async (session) => {
      const sample = await readSample(session, sections, settings.user);
      const width = terminal.isScreen ? terminal.columns : Number.POSITIVE_INFINITY;
      const { at, readings } = sample;
      terminal.print(
        isJson ? sampleText(sample) : renderStatus(readings, { at, width, style: terminal.style }).join('\n'),
      );
      return EXIT.done;
    });
  },
};
