import { existsSync } from 'node:fs';
import process from 'node:process';

/**
 * Runs a program: as it was built, or in a checkout that was not built yet from its sources.
 *
 * @param {string} name - Of its file in src/cli.
 */
export async function start(name) {
  const built = new URL(`../dist/cli/${name}.js`, import.meta.url);
  if (existsSync(built)) {
    await import(built.href);
    return;
  }
  try {
    // Comes with the tools for development.
    const { register } = await import('tsx/esm/api');
    register();
  } catch {
    process.stderr.write(`error: ${name} is not built yet\nhint: In its checkout run: npm ci && npm run build\n`);
    process.exit(1);
  }
  await import(new URL(`../src/cli/${name}.ts`, import.meta.url).href);
}
