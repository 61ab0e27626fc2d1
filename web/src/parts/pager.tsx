import type { Filter } from '../format/parse-search.ts';
import { Link } from '../navigation/link.tsx';
import { pathWith } from '../navigation/place.ts';
import { Icon } from './icon.tsx';

interface PagerProps {
  readonly path: string;
  readonly filter: Filter;
  readonly cursor: string | undefined;
  readonly next: string | undefined;
  /** The page is not full, as the search reached its bound. */
  readonly isPartial?: boolean | undefined;
}

/** To the page of older rows and back. Pages begin after a row, so that rows which come meanwhile move nothing. */
export function Pager({ path, filter, cursor, next, isPartial }: PagerProps) {
  if (cursor === undefined && next === undefined) return null;
  return (
    <div class="pager">
      {cursor === undefined ? null : (
        <>
          <Link to={pathWith(path, filter)} class="button">
            <Icon name="first" /> Newest
          </Link>
          <button type="button" class="button" data-key="[" aria-keyshortcuts="[" onClick={() => window.history.back()}>
            <Icon name="left" /> Newer
          </button>
        </>
      )}
      {next === undefined ? null : (
        <Link to={pathWith(path, { ...filter, cursor: next })} class="button pager-next" pressedBy="]">
          {isPartial === true ? 'Search further' : 'Older'} <Icon name="right" />
        </Link>
      )}
    </div>
  );
}
