import { toPrintable } from '../../core/printable.ts';
import { listAudit } from '../../operations/list-audit.ts';
import type { CliCommand } from '../cli-command.ts';
import { isOn } from '../cli-option.ts';
import { JSON_OPTION, LIMIT_OPTION, limitOf } from '../common-options.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { EXIT } from '../exit.ts';
import { printTable } from '../render-table.ts';
import { withSession } from '../with-session.ts';

export const auditCommand: CliCommand = {
  name: 'audit',
  summary: 'show who did what from dashboard and command line',
  details:
    'Shows who retried, cancelled, deleted, paused and resumed how many rows, with which filter; the latest first. A role sees its own ' +
    'actions, the owner of the schema all. No payload is in it.',
  options: [...CONNECTION_OPTIONS, LIMIT_OPTION, JSON_OPTION],
  examples: [{ command: 'lamplighter audit --json', does: 'for a program' }],
  logLevel: 'warn',
  async run(invocation) {
    const { terminal } = invocation;
    const limit = limitOf(invocation, 999_999);
    const rows = await withSession(invocation, connectionOf(invocation), (session) => listAudit(session, { limit }));
    if (isOn(invocation, JSON_OPTION)) terminal.print(JSON.stringify(rows));
    else if (rows.length === 0) terminal.print('Nothing was done yet.');
    else {
      printTable(
        terminal,
        ['at', 'who', 'from', 'action', 'of', 'count', 'filter'],
        rows.map(({ at, role, user, source, action, kind, count, filter }) => [
          new Date(at).toISOString(),
          toPrintable(user === undefined ? role : `${user} (${role})`),
          source,
          action,
          kind,
          String(count),
          toPrintable(JSON.stringify(filter)).slice(0, 200),
        ]),
      );
    }
    return EXIT.done;
  },
};
