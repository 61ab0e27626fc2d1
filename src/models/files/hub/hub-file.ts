/** One file in a repository. */
export interface HubFile {
  readonly repo: string;
  readonly revision: string;
  readonly path: string;
}

/** Where a file is fetched. */
export function addressOf(endpoint: string, { repo, revision, path }: HubFile): URL {
  const encode = (text: string) => text.split('/').map(encodeURIComponent).join('/');
  return new URL(`${endpoint}/${encode(repo)}/resolve/${encodeURIComponent(revision)}/${encode(path)}`);
}

/** A file as messages name it. */
export function describeFile({ repo, revision, path }: HubFile): string {
  return `${path} of ${repo} (revision ${/^[0-9a-f]{40}$/.test(revision) ? revision.slice(0, 12) : revision})`;
}
