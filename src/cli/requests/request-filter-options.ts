import type { Reading } from '../../core/config/option-values.ts';
import { DURATION_FORM, parseDuration } from '../../core/duration.ts';
import { LamplighterError } from '../../core/errors.ts';
import { REQUEST_FUNCTIONS } from '../../core/request-functions.ts';
import { showValue } from '../../core/show-value.ts';
import { didYouMean } from '../../core/suggest.ts';
import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';
import { parseRequestFilter } from '../../monitoring/lists/list-filters.ts';
import { REQUEST_STATUSES } from '../../monitoring/lists/list-requests.ts';
import type { RequestFilter } from '../../monitoring/shapes.ts';
import { type CliOption, type OptionInput, readOption, textOf } from '../cli-option.ts';

const READ_SERVER_FACTS = loadQuery('read_server_facts');

const STATUS: CliOption = {
  flag: 'status',
  argument: 'status',
  describes: `only requests that are ${REQUEST_STATUSES.join(', ')}`,
};
const FUNCTION: CliOption = { flag: 'function', argument: 'function', describes: 'only requests of this function' };
const MODEL: CliOption = { flag: 'model', argument: 'model', describes: 'only requests that ask for this model' };
const ROLE: CliOption = { flag: 'role', argument: 'role', describes: 'only requests of this role' };
const SINCE: CliOption = {
  flag: 'since',
  argument: 'duration',
  describes: 'only requests queued no longer ago than this',
};
const UNTIL: CliOption = {
  flag: 'until',
  argument: 'duration',
  describes: 'only requests queued at least this long ago',
};
const ID: CliOption = { flag: 'id', argument: 'id', describes: 'only this request' };

/** Which requests a command is about. */
export const REQUEST_FILTER_OPTIONS: readonly CliOption[] = [STATUS, FUNCTION, MODEL, ROLE, SINCE, UNTIL, ID].map(
  (option) => ({ ...option, isFilter: true }),
);

/** A filter whose times count back from a clock: the server's, which is asked later. */
export interface RequestFilterInput {
  readonly isEmpty: boolean;
  resolve(db: Queryable): Promise<RequestFilter>;
}

/**
 * The filter that flags ask for.
 *
 * @throws LamplighterError USAGE
 */
export function requestFilterOf(input: OptionInput): RequestFilterInput {
  const status = readOption(input, STATUS, (text) => readOneOf(text, REQUEST_STATUSES));
  const name = readOption(input, FUNCTION, (text) => readOneOf(text, REQUEST_FUNCTIONS));
  const sinceMs = readOption(input, SINCE, readAge);
  const untilMs = readOption(input, UNTIL, readAge);
  const plain = parseRequestFilter({
    id: textOf(input, ID),
    status,
    function: name,
    model: textOf(input, MODEL),
    role: textOf(input, ROLE),
  });
  return {
    isEmpty: Object.keys(plain).length === 0 && sinceMs === undefined && untilMs === undefined,
    async resolve(db) {
      if (sinceMs === undefined && untilMs === undefined) return plain;
      const { rows } = await db.query<{ now_s: string }>(READ_SERVER_FACTS);
      const nowMs = Number(rows[0]?.now_s) * 1_000;
      return {
        ...plain,
        ...(sinceMs === undefined ? {} : { since: new Date(nowMs - sinceMs).toISOString() }),
        ...(untilMs === undefined ? {} : { until: new Date(nowMs - untilMs).toISOString() }),
      };
    },
  };
}

/** @throws LamplighterError USAGE */
export function parseRequestArgument(text: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return text.toLowerCase();
  throw new LamplighterError('USAGE', `expected the id of a request, a UUID, got ${showValue(text)}`);
}

function readOneOf<Value extends string>(text: string, known: readonly Value[]): Reading<Value> {
  const value = known.find((each) => each === text);
  return value === undefined ? { expected: `one of ${known.join(', ')}${didYouMean(text, known)}` } : { value };
}

function readAge(text: string): Reading<number> {
  const value = parseDuration(text);
  return value === undefined ? { expected: DURATION_FORM } : { value };
}
