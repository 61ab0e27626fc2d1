import { readdir, readFile } from 'node:fs/promises';

// Three folders up from src/cli/demo/ and from dist/cli/demo/ alike.
const DOCS = new URL('../../../docs/', import.meta.url);
const MIN_CHARACTERS = 60;

export interface Paragraph {
  /** Path below `docs/`. */
  readonly page: string;
  readonly body: string;
}

/** The prose of Lamplighter's own documentation, paragraph by paragraph; headings, tables and code are left out. */
export async function readParagraphs(): Promise<Paragraph[]> {
  const names = await readdir(DOCS, { recursive: true });
  const pages = names.map((name) => name.replaceAll('\\', '/')).filter((name) => name.endsWith('.md'));
  const texts = await Promise.all(
    pages.sort().map(async (page) => ({ page, text: await readFile(new URL(page, DOCS), 'utf8') })),
  );
  return texts.flatMap(({ page, text }) => proseOf(text).map((body) => ({ page, body })));
}

function proseOf(markdown: string): string[] {
  return markdown
    .replaceAll(/^```[\s\S]*?^```/gm, '')
    .replaceAll(/^(#|\||<).*$/gm, '')
    .split(/\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )/)
    .map(plain)
    .filter((body) => body.length >= MIN_CHARACTERS);
}

function plain(block: string): string {
  return block
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[`*]/g, '')
    .replaceAll(/^\s*(?:[-*]|\d+\.) /gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
