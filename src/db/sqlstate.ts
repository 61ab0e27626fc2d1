import { isLamplighterError } from '../core/errors.ts';

/** The SQLSTATEs that code refers to, by the names of PostgreSQL's appendix. */
export const SQLSTATE = {
  activeSqlTransaction: '25001',
  adminShutdown: '57P01',
  cannotConnectNow: '57P03',
  checkViolation: '23514',
  configurationLimitExceeded: '53400',
  crashShutdown: '57P02',
  deadlockDetected: '40P01',
  dependentObjectsStillExist: '2BP01',
  diskFull: '53100',
  duplicateColumn: '42701',
  duplicateObject: '42710',
  duplicateTable: '42P07',
  idleInTransactionSessionTimeout: '25P03',
  idleSessionTimeout: '57P05',
  insufficientPrivilege: '42501',
  invalidAuthorizationSpecification: '28000',
  invalidCatalogName: '3D000',
  invalidParameterValue: '22023',
  invalidPassword: '28P01',
  invalidSchemaName: '3F000',
  ioError: '58030',
  lockNotAvailable: '55P03',
  protocolViolation: '08P01',
  queryCanceled: '57014',
  readOnlySqlTransaction: '25006',
  serializationFailure: '40001',
  tooManyConnections: '53300',
  undefinedColumn: '42703',
  undefinedFunction: '42883',
  undefinedObject: '42704',
  undefinedTable: '42P01',
  uniqueViolation: '23505',
  untranslatableCharacter: '22P05',
} as const;

export type SqlStateName = keyof typeof SQLSTATE;

/**
 * What kind of trouble an error is: `environment` the connection, the server or its disk, so that no request is to blame and a later try
 * may succeed; `backpressure` no connection is free; `conflict` with another session, so that a retry may succeed; `permission`; `missing`
 * an object is not there; `other`.
 */
export type SqlStateClass = 'environment' | 'backpressure' | 'conflict' | 'permission' | 'missing' | 'other';

const CLASSES: Readonly<Record<string, SqlStateClass>> = {
  [SQLSTATE.adminShutdown]: 'environment',
  [SQLSTATE.crashShutdown]: 'environment',
  [SQLSTATE.cannotConnectNow]: 'environment',
  [SQLSTATE.idleInTransactionSessionTimeout]: 'environment',
  [SQLSTATE.idleSessionTimeout]: 'environment',
  [SQLSTATE.readOnlySqlTransaction]: 'environment',
  [SQLSTATE.diskFull]: 'environment',
  [SQLSTATE.ioError]: 'environment',
  [SQLSTATE.tooManyConnections]: 'backpressure',
  [SQLSTATE.serializationFailure]: 'conflict',
  [SQLSTATE.deadlockDetected]: 'conflict',
  [SQLSTATE.lockNotAvailable]: 'conflict',
  [SQLSTATE.insufficientPrivilege]: 'permission',
  [SQLSTATE.undefinedTable]: 'missing',
  [SQLSTATE.undefinedFunction]: 'missing',
  [SQLSTATE.undefinedColumn]: 'missing',
  [SQLSTATE.undefinedObject]: 'missing',
  [SQLSTATE.invalidSchemaName]: 'missing',
  [SQLSTATE.invalidCatalogName]: 'missing',
};

/** The SQLSTATE of an error that the server sent; undefined for any other. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || isLamplighterError(error) || !('code' in error)) return undefined;
  // Node's own codes are longer ("ECONNREFUSED") or shorter; the severity tells "EPIPE" and its like from a SQLSTATE.
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) && 'severity' in error
    ? error.code
    : undefined;
}

/** True when the server sent `error` with that SQLSTATE. */
export function isSqlState(error: unknown, name: SqlStateName): boolean {
  return sqlStateOf(error) === SQLSTATE[name];
}

/** A line about a function of the schema. The words between the language and the function depend on the language of the server. */
const OWN_FUNCTION = /\bPL\/\w+[^("]*?(?<![\w."])(?:lamplighter\.|public\.steadytext_)\w+\(/;

/**
 * True when an error of a function of the queue was raised by code of the user's inside, such as a trigger: `where` has a line for each
 * function that was being run, and those of the schema call each other.
 */
function isRaisedByUserCode(error: unknown): boolean {
  if (!(error instanceof Error) || !('where' in error) || typeof error.where !== 'string') return false;
  return error.where.split('\n').some((line) => /\bPL\/\w+/.test(line) && !OWN_FUNCTION.test(line));
}

/**
 * True when other rows, or fewer at once, may do better, e.g. where a trigger refuses one or memory was short: nothing around the rows is
 * the reason. A right or a table that is missing is one only where it is a trigger's.
 */
export function isAboutRows(error: unknown): boolean {
  if (sqlStateOf(error) === undefined) return false;
  const kind = classifySqlState(error);
  return kind === 'other' || ((kind === 'permission' || kind === 'missing') && isRaisedByUserCode(error));
}

/** True for data that the server cannot store (class 22, such as a NUL in a text; class 23) or that is too large for it (class 54). */
export function isContentError(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state !== undefined && ['22', '23', '54'].includes(state.slice(0, 2));
}

/** The kind of trouble an error is; see {@link SqlStateClass}. Errors of ours about connections count as the server's would. */
export function classifySqlState(error: unknown): SqlStateClass {
  if (isLamplighterError(error)) {
    if (error.code === 'TOO_MANY_CONNECTIONS') return 'backpressure';
    return error.code === 'CONNECTION_LOST' || error.code === 'CONNECTION_REFUSED' ? 'environment' : 'other';
  }
  const state = sqlStateOf(error);
  if (state === undefined) return 'other';
  return CLASSES[state] ?? (state.startsWith('08') ? 'environment' : 'other');
}
