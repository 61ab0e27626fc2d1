import { showExactTime, showSpan } from '../format/times.ts';

interface TimelineProps {
  readonly events: readonly { readonly at: string; readonly text: string }[];
}

/** What happened when, and how much later than what was before it. */
export function Timeline({ events }: TimelineProps) {
  return (
    <ol class="timeline">
      {events.map(({ at, text }, index) => {
        const former = events[index - 1];
        const time = showExactTime(at);
        return (
          <li key={`${at} ${text}`} class="event">
            <span class="event-text">{text}</span>
            <span class="event-time">
              <time dateTime={at} title={time}>
                {time.slice(11, 23)}
              </time>
              {former === undefined ? null : (
                <span class="event-after">+{showSpan(Date.parse(at) - Date.parse(former.at))}</span>
              )}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
