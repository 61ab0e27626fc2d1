import type { RequestFunction } from '../core/request-functions.ts';

/** The command that starts a worker for requests of a function and model; `isAnyRunning` where workers run that do not serve them. */
export function workerCommandFor(functionName: RequestFunction, model: string, isAnyRunning: boolean): string {
  const flag = functionName === 'embed' || functionName === 'rerank' ? functionName : 'generate';
  if (model !== 'default') return `lamplighter worker --${flag}-model ${model}`;
  if (flag === 'generate') return 'lamplighter worker --generate-model MODEL';
  return isAnyRunning ? `lamplighter worker --functions ${functionName}` : 'lamplighter worker';
}
