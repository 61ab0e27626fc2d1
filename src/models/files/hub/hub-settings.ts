import type { Env } from '../../../core/env.ts';
import { LamplighterError } from '../../../core/errors.ts';

const DEFAULT_ENDPOINT = 'https://huggingface.co';

/** Where models are fetched, and with which right. */
export interface HubSettings {
  /** The address of the hub, without a slash at its end. */
  readonly endpoint: string;
  /** Sent to the endpoint's own host only, and never shown. */
  readonly token: string | undefined;
  /** Nothing may be fetched. */
  readonly isOffline: boolean;
}

/**
 * Reads `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE`.
 *
 * @throws LamplighterError CONFIG_INVALID for a value that cannot be used; a token is not repeated.
 */
export function readHubSettings(env: Env, isOffline: boolean): HubSettings {
  const token = env['HF_TOKEN']?.trim();
  if (token !== undefined && !/^[\x21-\x7e]*$/.test(token)) {
    throw new LamplighterError('CONFIG_INVALID', 'HF_TOKEN: expected a token of letters and digits, without spaces');
  }
  return {
    endpoint: readEndpoint(env['HF_ENDPOINT'] ?? DEFAULT_ENDPOINT),
    token: token === '' ? undefined : token,
    isOffline: isOffline || /^(1|true|yes|on)$/i.test(env['HF_HUB_OFFLINE'] ?? ''),
  };
}

/** The address may hold a password, so that it is not repeated either. */
function readEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new LamplighterError('CONFIG_INVALID', 'HF_ENDPOINT: expected an http or https address', {
      hint: `Set it to one such as ${DEFAULT_ENDPOINT}, or unset it.`,
    });
  }
  if (url.username !== '' || url.password !== '') {
    throw new LamplighterError('CONFIG_INVALID', 'HF_ENDPOINT: expected an http or https address without a user', {
      hint: 'If the mirror asks for a login, set HF_TOKEN.',
    });
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}
