import { LamplighterError } from '../../core/errors.ts';
import { listRequests, readRequest } from '../../monitoring/lists/list-requests.ts';
import type { CliCommand } from '../cli-command.ts';
import { isOn } from '../cli-option.ts';
import { JSON_OPTION, LIMIT_OPTION, limitOf } from '../common-options.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { EXIT } from '../exit.ts';
import { printRequest, printRequests } from '../requests/render-request.ts';
import { parseRequestArgument, REQUEST_FILTER_OPTIONS, requestFilterOf } from '../requests/request-filter-options.ts';
import { withSession } from '../with-session.ts';

/** Most characters of the parameters, and of the result. */
const MAX_PAYLOAD = 10_000_000;

export const requestsListCommand: CliCommand = {
  name: 'requests list',
  summary: 'show requests',
  details:
    'Shows requests, the latest first. A role sees its own, the owner of the schema all. The cost does not grow with the table; a search ' +
    'continues until it has found enough or seen all, and shows its progress.',
  options: [...CONNECTION_OPTIONS, ...REQUEST_FILTER_OPTIONS, LIMIT_OPTION, JSON_OPTION],
  examples: [
    { command: 'lamplighter requests list --status failed --since 1h', does: 'what failed in the last hour' },
    { command: 'lamplighter requests list --function embed --json', does: 'for a program' },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const { terminal, interruption } = invocation;
    const limit = limitOf(invocation, 10_000);
    const input = requestFilterOf(invocation);
    const rows = await withSession(invocation, connectionOf(invocation), async (session) => {
      const filter = await input.resolve(session);
      const found = [];
      let cursor: string | undefined;
      do {
        const page = await listRequests(session, filter, { cursor, limit: limit - found.length });
        found.push(...page.rows);
        cursor = page.isPartial ? page.next : undefined;
        if (cursor !== undefined) terminal.showStatus(`searching below ${cursor}, found: ${found.length}`);
      } while (cursor !== undefined && !interruption.first.aborted);
      terminal.showStatus();
      return found;
    });
    if (isOn(invocation, JSON_OPTION)) terminal.print(JSON.stringify(rows));
    else if (rows.length === 0) terminal.print('No request matches.');
    else printRequests(terminal, rows);
    return EXIT.done;
  },
};

export const requestsShowCommand: CliCommand = {
  name: 'requests show',
  summary: 'show one request, its parameters and its result',
  details: 'Shows everything about a request: its parameters, its result or error, and the reason of a wait.',
  options: [...CONNECTION_OPTIONS, JSON_OPTION],
  argument: { name: 'id', describes: 'the id of a request' },
  examples: [{ command: 'lamplighter requests show 0198a5b6-7c1e-7f00-8a51-3f5e6b6ad001', does: 'one request' }],
  logLevel: 'warn',
  async run(invocation) {
    const { terminal, args } = invocation;
    const [first, ...more] = args;
    if (first === undefined || more.length > 0) throw new LamplighterError('USAGE', 'expected the id of one request');
    const id = parseRequestArgument(first);
    const record = await withSession(invocation, connectionOf(invocation), (session) =>
      readRequest(session, id, MAX_PAYLOAD),
    );
    if (record === undefined) {
      throw new LamplighterError('REQUEST_NOT_FOUND', `There is no request ${id}, or it is not yours`);
    }
    if (isOn(invocation, JSON_OPTION)) terminal.print(JSON.stringify(record));
    else printRequest(terminal, record);
    return EXIT.done;
  },
};
