import type { InferenceSession, Tensor } from 'onnxruntime-node';

/**
 * Opens a graph on the processor.
 *
 * @throws Error for a missing package and a file that is no graph.
 */
export async function openSession(weightsPath: string, threads: number): Promise<InferenceSession> {
  const engine = await import('onnxruntime-node');
  return engine.InferenceSession.create(weightsPath, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // The arena keeps the most that any batch ever needed; without it the same throughput was measured.
    enableCpuMemArena: false,
    // What fails is thrown; nothing but that is for people to read.
    logSeverityLevel: 4,
  });
}

/** One output of a run; blocks the process. */
export async function runGraph(
  session: InferenceSession,
  feeds: Readonly<Record<string, Tensor>>,
  name: string,
): Promise<Tensor> {
  const output = (await session.run(feeds, [name]))[name];
  if (output === undefined || !('data' in output)) throw new Error(`The graph gave no output "${name}"`);
  return output as Tensor;
}
