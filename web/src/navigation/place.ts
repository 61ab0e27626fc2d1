import { useEffect, useState } from 'preact/hooks';

/** Where the dashboard is mounted, as the server wrote it into the document; ends with a slash. */
const BASE = new URL('./', document.baseURI);

/** What the address says: the path below the base, without slashes around it, and the query. */
export interface Place {
  readonly path: string;
  readonly query: URLSearchParams;
}

/** The address of a page or of a route of the API, from a path relative to the base. */
export function addressOf(path: string): string {
  return new URL(path, BASE).href;
}

function currentPlace(): Place {
  const { pathname, search } = window.location;
  const path = pathname.startsWith(BASE.pathname) ? pathname.slice(BASE.pathname.length) : '';
  return { path: path.replace(/\/+$/, ''), query: new URLSearchParams(search) };
}

const MOVED = 'lamplighter:moved';

/** Goes to a page of the dashboard, as a link does. */
export function goTo(path: string, options: { readonly isReplacing?: boolean } = {}): void {
  const address = addressOf(path);
  if (address === window.location.href) return;
  if (options.isReplacing === true) window.history.replaceState(null, '', address);
  else window.history.pushState(null, '', address);
  window.dispatchEvent(new Event(MOVED));
}

/** The address, as it changes. */
export function usePlace(): Place {
  const [place, setPlace] = useState(currentPlace);
  useEffect(() => {
    const read = () => setPlace(currentPlace());
    window.addEventListener('popstate', read);
    window.addEventListener(MOVED, read);
    return () => {
      window.removeEventListener('popstate', read);
      window.removeEventListener(MOVED, read);
    };
  }, []);
  return place;
}

/** A path with a query of what is given; empty values are left out. */
export function pathWith(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => (entry[1] ?? '') !== '');
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}
