import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Session } from '../../../src/dashboard/api.ts';

const NOBODY: Session = {
  version: '',
  database: '',
  host: '',
  role: '',
  seesAll: true,
  rights: { view: false, payloads: false, operate: false, admin: false },
  isReadOnly: true,
};

/** Who looks, and what that allows. */
export const SessionContext = createContext<Session>(NOBODY);

export function useSession(): Session {
  return useContext(SessionContext);
}

/** Whether buttons that need this right are there at all. */
export function useMay(right: 'operate' | 'admin'): boolean {
  const { rights, isReadOnly } = useSession();
  return rights[right] && !isReadOnly;
}
