import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { showClock, showDay } from '../format/times.ts';

export type Tone = 'waiting' | 'running' | 'good' | 'bad' | 'off' | 'plain';

export interface Line {
  readonly name: string;
  readonly tone: Tone;
  readonly values: readonly (number | null)[];
  readonly isFilled?: boolean;
  readonly isDashed?: boolean;
}

interface ChartProps {
  readonly title: string;
  readonly note?: string | undefined;
  /** Beginnings of the steps, in epoch milliseconds. */
  readonly at: readonly number[];
  readonly stepMs: number;
  readonly lines: readonly Line[];
  readonly isStale: boolean;
  show(value: number): string;
}

const HEIGHT = 150;
/** All charts of a page have one cursor. */
const CURSORS = uPlot.sync('overview');
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** A measured step between two gaps would be a line of no length; it gets a point. */
function lonePoints(values: readonly (number | null | undefined)[]): number[] {
  return [...values.keys()].filter((at) => values[at] != null && values[at - 1] == null && values[at + 1] == null);
}

/**
 * The line of a series, broken at gaps. uPlot's own is one line that is clipped at gaps, of which slivers remain where it is steep.
 */
const drawBroken: uPlot.Series.PathBuilder = (chart, seriesAt, first, last) => {
  const times = chart.data[0];
  const values = chart.data[seriesAt] ?? [];
  const stroke = new Path2D();
  const fill = new Path2D();
  const bottom = chart.valToPos(0, 'y', true);
  let x: number | undefined;
  const end = () => {
    if (x !== undefined) fill.lineTo(x, bottom);
    x = undefined;
  };
  for (let at = first; at <= last; at += 1) {
    const value = values[at];
    const time = times[at];
    if (value == null || time === undefined) {
      end();
      continue;
    }
    const y = chart.valToPos(value, 'y', true);
    const isFirst = x === undefined;
    x = chart.valToPos(time, 'x', true);
    if (isFirst) {
      fill.moveTo(x, bottom);
      stroke.moveTo(x, y);
    } else stroke.lineTo(x, y);
    fill.lineTo(x, y);
  }
  end();
  return { stroke, fill };
};

function showAxisTime(seconds: number, stepSeconds: number): string {
  const date = new Date(seconds * 1000);
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0;
  if (stepSeconds >= 86_400 || isMidnight) return `${MONTHS[date.getMonth()]} ${date.getDate()}`;
  return showClock(date).slice(0, 5);
}

function optionsOf({ lines, show }: ChartProps, width: number, onPoint: (at: number | null) => void): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: () => colour('text-soft'),
    font: `11px ${colour('font')}`,
    grid: { stroke: () => colour('grid'), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: CURSORS.key },
      y: false,
      drag: { x: false, y: false },
      points: { size: 6, width: 0, fill: (_, at) => colour(lines[at - 1]?.tone ?? 'plain') },
    },
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(1, (max ?? 0) * 1.08)] } },
    axes: [
      {
        ...axis,
        size: 26,
        space: 64,
        values: (_, splits, __, ___, step) => splits.map((at) => showAxisTime(at, step)),
      },
      { ...axis, size: 52, space: 34, values: (_, splits) => splits.map((value) => (value === 0 ? '0' : show(value))) },
    ],
    series: [
      {},
      ...lines.map(
        ({ tone, isFilled, isDashed }): uPlot.Series => ({
          stroke: () => colour(tone),
          width: 1.5,
          ...(isFilled === true ? { fill: () => colour(`${tone}-wash`) } : {}),
          ...(isDashed === true ? { dash: [4, 3] } : {}),
          paths: drawBroken,
          points: {
            show: true,
            size: 4,
            width: 0,
            fill: () => colour(tone),
            filter: (chart, at) => lonePoints([...(chart.data[at] ?? [])]),
          },
        }),
      ),
    ],
  };
}

function dataOf({ at, lines }: ChartProps): uPlot.AlignedData {
  return [at.map((ms) => ms / 1000), ...lines.map(({ values }) => [...values])];
}

/** Lines over time. Steps that nobody measured are gaps, not zeros. The legend has the values under the cursor, or the newest ones. */
export function Chart(props: ChartProps) {
  const { title, note, at, stepMs, lines, isStale, show } = props;
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const newest = useRef(props);
  newest.current = props;
  const [pointedAt, setPointedAt] = useState<number | null>(null);
  const names = lines.map(({ name }) => name).join();

  useEffect(() => {
    const target = place.current;
    if (target === null) return;
    const drawn = new uPlot(
      optionsOf(newest.current, target.clientWidth, setPointedAt),
      dataOf(newest.current),
      target,
    );
    chart.current = drawn;
    CURSORS.sub(drawn);
    const sizes = new ResizeObserver(() => drawn.setSize({ width: target.clientWidth, height: HEIGHT }));
    sizes.observe(target);
    const theme = window.matchMedia('(prefers-color-scheme: dark)');
    const redraw = () => drawn.redraw(false);
    theme.addEventListener('change', redraw);
    return () => {
      theme.removeEventListener('change', redraw);
      sizes.disconnect();
      CURSORS.unsub(drawn);
      drawn.destroy();
    };
  }, [names]);

  useEffect(() => {
    chart.current?.setData(dataOf(newest.current));
  }, [at, lines]);

  const isEmpty = lines.every(({ values }) => values.every((value) => value === null));
  const lastAt = lines[0]?.values.findLastIndex((value) => value !== null) ?? -1;
  const shownAt = pointedAt ?? lastAt;
  const shownMs = at[shownAt];
  const told = lines.map(({ name, values }) => {
    const value = values[shownAt];
    return { name, text: value == null ? '–' : show(value) };
  });
  const summary = isEmpty ? 'no measurements' : told.map(({ name, text }) => `${name} ${text}`).join(', ');
  return (
    <figure class={isStale ? 'chart stale' : 'chart'}>
      <figcaption class="chart-head">
        <span class="chart-title">{title}</span>
        <span class="soft">{note}</span>
        <span class="chart-time soft">{shownMs === undefined ? '' : showStep(shownMs, stepMs)}</span>
      </figcaption>
      <div class="legend">
        {told.map(({ name, text }, index) => (
          <span key={name} class={`legend-line tone-${lines[index]?.tone ?? 'plain'}`}>
            <span class="soft">{name}</span> <span class="number">{text}</span>
          </span>
        ))}
      </div>
      <div class="chart-place" ref={place} role="img" aria-label={`${title}: ${summary}`} />
      {isEmpty ? <p class="chart-empty">Nothing was measured in this time.</p> : null}
    </figure>
  );
}

function showStep(ms: number, stepMs: number): string {
  const date = new Date(ms);
  return stepMs >= 3_600_000 ? `${showDay(date)} ${showClock(date).slice(0, 5)}` : showClock(date).slice(0, 5);
}
