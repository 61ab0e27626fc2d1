/** Deletes the declarations in dist/ that no entry of the package leads to: users cannot import them. Part of `npm run build`. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';

const DIST = new URL('../dist/', import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly exports: Readonly<Record<string, string>>;
};
const toDeclaration = (path: string) => path.replace(/\.[jt]s$/, '.d.ts');

const reached = new Set<string>();
const open = Object.values(exports).filter((path) => path.endsWith('.js'));
for (const path of open.map((entry) => new URL(`../${toDeclaration(entry)}`, import.meta.url).href)) follow(path);

function follow(href: string): void {
  if (reached.has(href)) return;
  reached.add(href);
  for (const [, specifier = ''] of readFileSync(new URL(href), 'utf8').matchAll(/['"](\.\.?\/[^'"\n]+\.[jt]s)['"]/g)) {
    follow(new URL(toDeclaration(specifier), href).href);
  }
}

const declarations = readdirSync(DIST, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.d.ts'));
for (const path of declarations) {
  const url = new URL(path.replaceAll('\\', '/'), DIST);
  if (!reached.has(url.href)) rmSync(url);
}
