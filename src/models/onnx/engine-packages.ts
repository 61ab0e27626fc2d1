import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from 'zod';

const PACKAGES = {
  texts: ['onnxruntime-node', '@huggingface/tokenizers'],
  images: ['onnxruntime-node', 'sharp'],
} as const;
const require = createRequire(import.meta.url);
const versionSchema = z.object({ name: z.string(), version: z.string() });
const peersSchema = z.object({ peerDependencies: z.record(z.string(), z.string()) });

/** The packages that run ONNX models; they are installed only by those who want them. */
export type EnginePackages =
  | { readonly isInstalled: true /** For fingerprints: names and versions. */; readonly versions: string }
  | { readonly isInstalled: false; readonly reason: string; readonly hint: string };

/** Looks whether the packages for a kind of input are there, without loading them. */
export function findEnginePackages(
  input: keyof typeof PACKAGES,
  resolve: (name: string) => string = require.resolve,
): EnginePackages {
  const versions: string[] = [];
  const missing: string[] = [];
  for (const name of PACKAGES[input]) {
    const version = versionOf(name, resolve);
    if (version === undefined) missing.push(name);
    else versions.push(`${name}@${version}`);
  }
  if (missing.length === 0) return { isInstalled: true, versions: versions.join(' ') };
  const { peerDependencies } = peersSchema.parse(readJson(new URL('../../../package.json', import.meta.url)));
  const wanted = missing.map((name) => `${name}@${peerDependencies[name] ?? 'latest'}`).join(' ');
  return {
    isInstalled: false,
    reason: `the package ${missing.join(' and the package ')} ${missing.length === 1 ? 'is' : 'are'} not installed`,
    hint: `Run npm install ${wanted}`,
  };
}

function versionOf(name: string, resolve: (name: string) => string): string | undefined {
  let entry: string;
  try {
    entry = resolve(name);
  } catch {
    return undefined;
  }
  // Its package.json need not be among its exports, but stands above its entry.
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    const found = versionSchema.safeParse(tryReadJson(join(folder, 'package.json')));
    if (found.success && found.data.name === name) return found.data.version;
  }
  return undefined;
}

function tryReadJson(path: string): unknown {
  try {
    return readJson(path);
  } catch {
    return undefined;
  }
}

function readJson(path: string | URL): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}
