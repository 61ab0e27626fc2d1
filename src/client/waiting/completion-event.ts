/** The public channel on which the end of requests is announced. */
export const COMPLETED_CHANNEL = 'steadytext_completed';

/** The id that an event names, undefined when it names none. Any role can send anything: the id is as good as a rumour. */
export function readCompletedId(payload: string): string | undefined {
  try {
    const event: unknown = JSON.parse(payload);
    if (typeof event !== 'object' || event === null || !('request_id' in event)) return undefined;
    return typeof event.request_id === 'string' ? event.request_id.toLowerCase() : undefined;
  } catch {
    return undefined;
  }
}
