import type { Rights } from './api.ts';

/** Who asks, and what they may do; a right that is not named is not given. */
export interface Access {
  /** The user's name, for the audit and the page. */
  readonly user?: string;
  readonly rights: Partial<Rights>;
}

/**
 * Says who asks. Undefined is answered with 401; a response is sent as it is, such as a redirect to where one logs in. Called for every
 * request, those of the page's files included.
 */
export type Authorise = (request: Request) => Access | Response | undefined | Promise<Access | Response | undefined>;

/** All there is. */
export const ALL_RIGHTS: Rights = { view: true, payloads: true, operate: true, admin: true };

/** The rights with their defaults filled in. A dashboard that only reads gives no right to change anything. */
export function rightsOf({ rights }: Access, isReadOnly: boolean): Rights {
  const { view = false, payloads = false, operate = false, admin = false } = rights;
  return {
    view,
    payloads: view && payloads,
    operate: view && operate && !isReadOnly,
    admin: view && admin && !isReadOnly,
  };
}
