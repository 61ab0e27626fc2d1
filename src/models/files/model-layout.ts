import { open, stat } from 'node:fs/promises';
import { messageOf } from '../../core/errors.ts';
import { pathInside } from './model-folder.ts';

/** What a look at a model's files found: where its weights are, or the end of a sentence that says what is wrong. */
export type LayoutFinding = { readonly weightsPath: string } | { readonly problem: string };

/** Where a folder given by path may have its weights; the first that is there is taken. */
const WEIGHTS = ['onnx/model.onnx', 'onnx/model_quantized.onnx', 'model.onnx'] as const;
/** What a model of texts has beside its weights, and what one of images has in its place. */
const TEXT_FILE = 'tokenizer.json';
const IMAGE_FILE = 'preprocessor_config.json';
const GGUF_MAGIC = 'GGUF';

/** Which of the files are not there, or are empty. */
export async function missingFiles(folder: string, files: readonly string[]): Promise<readonly string[]> {
  const present = await Promise.all(files.map((file) => isFilled(pathInside(folder, file))));
  return files.filter((_, index) => present[index] !== true);
}

/** Looks for a model in a folder that has the layout of the hub. */
export async function inspectFolder(folder: string): Promise<LayoutFinding> {
  const problem = await accessProblem(folder, 'folder');
  if (problem !== undefined) return { problem };
  const [missing, ...weights] = await Promise.all([
    missingFiles(folder, ['config.json', TEXT_FILE, IMAGE_FILE]),
    ...WEIGHTS.map((file) => isFilled(pathInside(folder, file))),
  ]);
  const found = WEIGHTS.find((_, index) => weights[index] === true);
  const hasEither = !(missing.includes(TEXT_FILE) && missing.includes(IMAGE_FILE));
  const needed = missing.filter((file) => file !== IMAGE_FILE && !(hasEither && file === TEXT_FILE));
  const lacking = [...needed, ...(found === undefined ? [WEIGHTS[0]] : [])];
  if (found === undefined || lacking.length > 0) return { problem: `${folder} has no ${lacking.join(' and no ')}` };
  return { weightsPath: pathInside(folder, found) };
}

/** The files beside an ONNX graph that hold its weights when they are too large for it; their names are those that exporters give. */
export async function externalDataOf(weightsPath: string): Promise<readonly string[]> {
  const candidates = ['_data', '.data'].map((ending) => `${weightsPath}${ending}`);
  const present = await Promise.all(candidates.map(isFilled));
  return candidates.filter((_, index) => present[index] === true);
}

/** Looks at a GGUF file. */
export async function inspectGguf(path: string): Promise<LayoutFinding> {
  const problem = await accessProblem(path, 'file');
  if (problem !== undefined) return { problem };
  return (await readMagic(path)) === GGUF_MAGIC ? { weightsPath: path } : { problem: `${path} is not a GGUF file` };
}

async function readMagic(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(GGUF_MAGIC.length), 0, GGUF_MAGIC.length, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}

async function accessProblem(path: string, kind: 'folder' | 'file'): Promise<string | undefined> {
  try {
    const found = await stat(path);
    if (kind === 'folder' ? !found.isDirectory() : !found.isFile()) return `${path} is not a ${kind}`;
    if (kind === 'file') await (await open(path)).close();
    return undefined;
  } catch (error) {
    if (isMissing(error)) return `there is no ${kind} ${path}`;
    return `${path} cannot be read: ${messageOf(error)}`;
  }
}

async function isFilled(path: string): Promise<boolean> {
  try {
    const found = await stat(path);
    return found.isFile() && found.size > 0;
  } catch {
    return false;
  }
}

/** Whether a file system error says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
