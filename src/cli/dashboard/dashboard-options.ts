import { readFileSync } from 'node:fs';
import { flagVariable } from '../../core/config/define-config.ts';
import { LamplighterError, messageOf } from '../../core/errors.ts';
import { ALL_RIGHTS, type Authorise } from '../../dashboard/access.ts';
import { createBasicAuth, parseUsers } from '../../dashboard/basic-auth.ts';
import { readTraceUrl } from '../../dashboard/trace-url.ts';
import type { Invocation } from '../cli-command.ts';
import { type CliOption, isGivenAsFlag, isOn, listOf, readOption, textOf } from '../cli-option.ts';
import type { EffectiveOption } from '../describe-options.ts';
import type { ListenAddress } from './listen-address.ts';

const READ_ONLY: CliOption = { flag: 'read-only', describes: 'refuse changes by any user' };
const AUTH_BASIC_FILE: CliOption = {
  flag: 'auth-basic-file',
  argument: 'file',
  describes:
    'the users, one a line: name:role:password hash; roles are viewer, operator and admin, each also with +payloads',
  defaultText: 'everybody on this machine',
};
const ALLOW_HOST: CliOption = {
  flag: 'dashboard-host',
  argument: 'name',
  isRepeatable: true,
  describes: 'a host name for browsers, besides localhost, the name of this machine and addresses',
};

const TRACE_URL: CliOption = {
  flag: 'trace-url',
  argument: 'url',
  describes: 'page of a trace, to link requests to, such as https://jaeger.example.com/trace/{trace_id}',
  defaultText: 'no links',
};

/** The users of the dashboard, their rights, and its links. */
export const DASHBOARD_OPTIONS: readonly CliOption[] = [AUTH_BASIC_FILE, READ_ONLY, ALLOW_HOST, TRACE_URL];

/** These options as they hold. */
export function listDashboardOptions(invocation: Invocation): readonly EffectiveOption[] {
  return DASHBOARD_OPTIONS.map((option) => {
    const { flag, defaultText = '-' } = option;
    const isFlag = isGivenAsFlag(invocation, option);
    const values = option.isRepeatable === true ? listOf(invocation, option) : textOf(invocation, option);
    const value = flag === READ_ONLY.flag ? String(isOn(invocation, READ_ONLY)) : String(values ?? defaultText);
    const isVariable = (invocation.env[flagVariable(flag)] ?? '') !== '';
    const origin = isFlag ? `--${flag}` : isVariable ? flagVariable(flag) : 'default';
    return { name: flag, value: value === '' ? 'none' : value, origin };
  });
}

/** What these options ask for. */
export interface DashboardAccess {
  readonly address: ListenAddress;
  readonly authorise: Authorise;
  readonly isReadOnly: boolean;
  readonly allowedHosts: readonly string[];
  readonly traceUrl: string | undefined;
}

/**
 * Who may come to a dashboard at that address.
 *
 * @param flag The one that named the address.
 * @throws LamplighterError USAGE where others than this machine could come and nothing says who may; CONFIG_INVALID for the file
 */
export function dashboardAccessOf(invocation: Invocation, address: ListenAddress, flag: string): DashboardAccess {
  const file = textOf(invocation, AUTH_BASIC_FILE);
  if (file === undefined && !address.isLoopback) {
    const place = `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
    throw new LamplighterError('USAGE', `--${flag} ${place} is open to other machines, and no users are defined`, {
      hint: 'Add --auth-basic-file FILE, or listen on 127.0.0.1 behind a proxy with a login.',
    });
  }
  return {
    address,
    authorise: file === undefined ? () => ({ rights: ALL_RIGHTS }) : createBasicAuth(parseUsers(readUsers(file), file)),
    isReadOnly: isOn(invocation, READ_ONLY),
    allowedHosts: listOf(invocation, ALLOW_HOST),
    traceUrl: readOption(invocation, TRACE_URL, readTraceUrl),
  };
}

function readUsers(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new LamplighterError('CONFIG_INVALID', `--auth-basic-file: ${messageOf(cause)}`, { cause });
  }
}
