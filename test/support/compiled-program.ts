import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** In the root, as `dist` is: the program finds its SQL from there. */
const FOLDER = '.test-dist';

/** The path, from the root, of a file of `src` as {@link compileProgram} wrote it; of any other file, its own. */
export function compiledEntry(entry: string): string {
  if (!entry.startsWith('src/')) return entry;
  return entry.replace(/^src\//, `${FOLDER}/`).replace(/\.ts$/, '.js');
}

/**
 * Writes the files of `src` that have changed as JavaScript, without a look at types. A program that tests start again and again takes
 * 0.6 s less of the processor than under the loader for TypeScript, of 0.9 s in all.
 */
export async function compileProgram(): Promise<void> {
  const entries = await readdir(join(ROOT, 'src'), { recursive: true, withFileTypes: true });
  const files = entries.filter(({ name }) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  const stale: string[] = [];
  for (const { parentPath, name } of files) {
    const path = join(parentPath, name).slice(ROOT.length);
    const [source, compiled] = await Promise.all(
      [path, compiledEntry(path)].map((each) => stat(join(ROOT, each)).catch(() => undefined)),
    );
    if ((compiled?.mtimeMs ?? 0) < (source?.mtimeMs ?? 0)) stale.push(path);
  }
  if (stale.length === 0) return;
  const { default: ts } = await import('typescript');
  for (const path of stale) {
    const { outputText } = ts.transpileModule(await readFile(join(ROOT, path), 'utf8'), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    });
    const target = join(ROOT, compiledEntry(path));
    await mkdir(dirname(target), { recursive: true });
    // Others may read it, or write it as well.
    await writeFile(`${target}.${process.pid}`, outputText);
    await rename(`${target}.${process.pid}`, target);
  }
}
