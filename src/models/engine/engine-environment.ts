import { type Env, readEnv } from '../../core/env.ts';

/**
 * What native code needs of the environment: where programs and libraries are, languages, temporary files, and the settings of drivers and
 * allocators. Addresses of databases, passwords and keys are none of an engine's business.
 */
const NAMES: ReadonlySet<string> = new Set([
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'LANG',
  'LANGUAGE',
  'TZ',
  'TMPDIR',
  'TMP',
  'TEMP',
  'LD_LIBRARY_PATH',
  'LD_PRELOAD',
  'XDG_RUNTIME_DIR',
  // Windows
  'SYSTEMROOT',
  'WINDIR',
  'COMSPEC',
  'PATHEXT',
  'USERPROFILE',
  'APPDATA',
  'LOCALAPPDATA',
  'PROGRAMFILES',
  'NUMBER_OF_PROCESSORS',
  'PROCESSOR_ARCHITECTURE',
]);

const PREFIXES = [
  'LC_',
  'DYLD_',
  'CUDA_',
  'NVIDIA_',
  'HIP_',
  'ROCR_',
  'HSA_',
  'GGML_',
  'VK_',
  'MALLOC_',
  'OMP_',
  'KMP_',
];

/** ONNX Runtime from 1.29 on sends telemetry to its maker unless this is set before it is loaded. An engine talks to nobody. */
const ALWAYS = { ORT_DISABLE_TELEMETRY: '1' };

/** The variables that a process of an engine gets. */
export function engineEnvironment(env: Env = readEnv()): Record<string, string> {
  const needed = Object.entries(env).flatMap(([name, value]) =>
    value !== undefined && isNeeded(name) ? [[name, value] as const] : [],
  );
  return { ...Object.fromEntries(needed), ...ALWAYS };
}

function isNeeded(name: string): boolean {
  // Windows does not tell upper from lower case.
  const upper = name.toUpperCase();
  return NAMES.has(upper) || PREFIXES.some((prefix) => upper.startsWith(prefix));
}
