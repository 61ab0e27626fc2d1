import type { LiveEvent } from './api.ts';
import type { Live } from './live.ts';

/** Events that may wait for a reader that does not keep up; then it is cut off, and comes again by itself. */
const MAX_WAITING = 100;

/** What is told from now on, as Server-Sent Events; ends when the reader goes. `conceal` takes out what the reader may not see. */
export function openEventStream(live: Live, conceal: (event: LiveEvent) => LiveEvent): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let leave: () => void = () => undefined;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode('retry: 2000\n\n'));
        leave = live.subscribe((event) => {
          if ((controller.desiredSize ?? 0) < -MAX_WAITING) {
            leave();
            controller.close();
            return;
          }
          const text =
            event === undefined
              ? ': nothing new\n\n'
              : `event: ${event.type}\ndata: ${JSON.stringify(conceal(event).data)}\n\n`;
          controller.enqueue(encoder.encode(text));
        });
      },
      cancel() {
        leave();
      },
    },
    { highWaterMark: 1 },
  );
}
