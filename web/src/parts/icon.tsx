/** Drawn on a grid of 16 with lines of 1.5; decoration, named by the text beside it. */
const SHAPES = {
  overview: 'M2.5 9.5 5 6l3 3.500L13.500 3M2.500 13.500h11',
  requests: 'M2.5 4h11M2.5 8h11M2.5 12h7',
  tasks: 'M3 3.500 6.500 7 3 10.500M8 11.500h5',
  jobs: 'M8 2.500 13 5v6l-5 2.500L3 11V5zM3 5l5 2.500L13 5M8 7.500v6',
  workers: 'M3 3h10v4H3zM3 9h10v4H3zM5.500 5h.01M5.500 11h.01',
  settings: 'M2.5 5h6M11.500 5h2M2.500 11h2M7.500 11h6M10 3.500v3M6 9.500v3',
  operations: 'M13 8a5 5 0 1 1-1.500-3.600M13 2.500V5h-2.500',
  audit: 'M4 2.500h5.500L12 5v8.500H4zM6 7h4M6 10h4',
  search: 'M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9zM10.500 10.500l3 3',
  filter: 'M2.5 4h11M4.500 8h7M6.500 12h3',
  copy: 'M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3',
  done: 'M3.5 8.500 6.500 11.500 12.500 4.500',
  close: 'M4 4l8 8M12 4l-8 8',
  retry: 'M3 8a5 5 0 1 1 1.500 3.600M3 13.500V11h2.500',
  cancel: 'M8 13.500a5.500 5.500 0 1 0 0-11 5.500 5.500 0 0 0 0 11zM5.800 5.800l4.400 4.400M10.200 5.800l-4.400 4.400',
  delete: 'M3 4.500h10M6.500 4.500v-2h3v2M4.500 4.500l.5 9h6l.5-9M6.700 7v4M9.300 7v4',
  pause: 'M5.5 3.500v9M10.500 3.500v9',
  resume: 'M5 3.500v9l7.500-4.500z',
  stop: 'M4.500 4.500h7v7h-7z',
  warning: 'M8 2.500 14 13H2zM8 6.500v3M8 11.200h.01',
  error: 'M8 13.500a5.500 5.500 0 1 0 0-11 5.500 5.500 0 0 0 0 11zM8 5v3.500M8 10.800h.01',
  right: 'M6 3.500 10.500 8 6 12.500',
  left: 'M10 3.500 5.500 8 10 12.500',
  first: 'M4 3.500v9M12 3.500 7.500 8l4.500 4.500',
  more: 'M3.500 8h.01M8 8h.01M12.500 8h.01',
  keys: 'M2 4.500h12v7H2zM4.500 7h.01M7 7h.01M9.500 7h.01M11.500 7h.01M5 9.300h6',
} as const;

export type IconName = keyof typeof SHAPES;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={SHAPES[name]} />
    </svg>
  );
}
