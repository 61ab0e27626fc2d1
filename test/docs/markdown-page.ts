import { readdirSync, readFileSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);

export interface CodeBlock {
  readonly language: string;
  /** The words after the language, such as `run` and `caller`. */
  readonly marks: readonly string[];
  readonly text: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
}

export interface MarkdownPage {
  /** From the repository's root. */
  readonly path: string;
  readonly text: string;
  /** Fenced blocks, in order. */
  readonly blocks: readonly CodeBlock[];
}

/** The text of a file, by its path from the repository's root. */
export function readRepositoryFile(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8');
}

/** Every page of the documentation, README and AGENTS included. */
export function readPages(): MarkdownPage[] {
  const paths = [
    ...readdirSync(ROOT),
    ...readdirSync(new URL('docs/', ROOT), { recursive: true }).map((path) => `docs/${path}`),
  ];
  return paths
    .map((path) => String(path).replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.md'))
    .sort()
    .map(readPage);
}

/** One page, by its path from the repository's root. */
export function readPage(path: string): MarkdownPage {
  const text = readRepositoryFile(path);
  return { path, text, blocks: [...readBlocks(text)] };
}

function* readBlocks(text: string): Generator<CodeBlock> {
  let open: { language: string; marks: string[]; line: number; body: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (fence === null) open?.body.push(line);
    else if (open === undefined) {
      const [language = '', ...marks] = (fence[1] ?? '').trim().split(/\s+/);
      open = { language, marks, line: index + 1, body: [] };
    } else {
      const { body, ...block } = open;
      yield { ...block, text: body.join('\n') };
      open = undefined;
    }
  }
}

/** The cells of every table row below a heading whose text is `heading`, up to the next heading; code marks are taken off. */
export function tableRows(page: MarkdownPage, heading: string): string[][] {
  const lines = page.text.split('\n');
  const start = lines.findIndex(
    (line) => /^#+ /.test(line) && line.replace(/^#+ /, '').replaceAll('`', '') === heading,
  );
  if (start === -1) throw new Error(`${page.path} has no heading "${heading}"`);
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => /^#+ /.test(line));
  const rows = rest.slice(0, end === -1 ? undefined : end).filter((line) => line.startsWith('|'));
  return rows.filter((line) => !/^\|[\s|:-]+\|$/.test(line)).map(readCells);
}

function readCells(row: string): string[] {
  const cells = row.slice(1, row.trimEnd().length - 1).split(/(?<!\\)\|/);
  return cells.map((cell) =>
    cell
      .trim()
      .replaceAll('\\|', '|')
      .replace(/^`([^`]*)`$/, '$1'),
  );
}

/** What GitHub makes of a heading when it is linked to. */
export function anchorsOf(page: MarkdownPage): string[] {
  const headings = page.text.replace(/^```[\s\S]*?^```/gm, '').match(/^#+ .*$/gm) ?? [];
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, '')
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
