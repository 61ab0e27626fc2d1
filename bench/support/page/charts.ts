import { BarChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';

echarts.use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

// Without a browser there is nobody to ask how wide a text is; a little too wide leaves room in every font.
echarts.setPlatformAPI({
  measureText: (text, font) => ({ width: text.length * Number(/(\d+)px/.exec(font ?? '')?.[1] ?? 12) * GLYPH_SHARE }),
});

const GLYPH_SHARE = 0.6;
const WIDTH = 760;
const BAR_HEIGHT = 30;
const LINE_HEIGHT = 320;
const FONT = 'system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif';
const INK = '#333333';
const RULE = '#e4e4e4';
const COLOURS: readonly (readonly [beginning: string, colour: string])[] = [
  ['Lamplighter', '#d2691e'],
  ['graphile', '#3a6ea5'],
  ['pg-boss', '#6b8e4e'],
];
const OTHER = '#9a9a9a';

export interface Bars {
  readonly title: string;
  /** Below the title: what the axis is, and which way is better. */
  readonly unit: string;
  /** From top to bottom. */
  readonly labels: readonly string[];
  /** One bar of each for every label, beside each other, or one after the other where they add up. */
  readonly series: readonly { readonly name: string; readonly values: readonly number[]; readonly colour?: string }[];
  readonly areStacked?: boolean;
}

/** Horizontal bars with their figures, as SVG on white: readable in light and dark pages alike. */
export function drawBars({ title, unit, labels, series, areStacked = false }: Bars): string {
  const barCount = labels.length * (areStacked ? 1 : series.length);
  const hasLegend = series.length > 1;
  const top = hasLegend ? 84 : 60;
  return render(top + 40 + Math.max(labels.length * 34, barCount * BAR_HEIGHT * 0.8), {
    ...heading(title, unit),
    ...(hasLegend ? { legend: legend() } : {}),
    grid: { left: 10, right: 70, top, bottom: 10, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    xAxis: {
      type: 'value',
      axisLabel: { color: INK, fontFamily: FONT },
      splitLine: { lineStyle: { color: RULE } },
    },
    yAxis: {
      type: 'category',
      inverse: true,
      data: [...labels],
      axisTick: { show: false },
      axisLabel: { color: INK, fontFamily: FONT, fontSize: 13 },
    },
    series: series.map(({ name, values, colour }, at) => ({
      type: 'bar' as const,
      name,
      ...(areStacked ? { stack: 'all' } : {}),
      barMaxWidth: 22,
      data: values.map((value, index) => ({
        value,
        itemStyle: { color: colour ?? colourOf(labels[index] ?? '', at, series.length) },
      })),
      itemStyle: { color: colour ?? (at === 0 ? `${OTHER}99` : OTHER) },
      label: {
        show: true,
        position: areStacked ? ('inside' as const) : ('right' as const),
        color: areStacked ? '#ffffff' : INK,
        fontFamily: FONT,
        formatter: ({ value: figure }: { value: unknown }) => shortened(Number(figure)),
      },
    })),
  });
}

export interface Lines {
  readonly title: string;
  readonly unit: string;
  readonly xName: string;
  readonly xLabels: readonly string[];
  readonly series: readonly {
    readonly name: string;
    readonly values: readonly (number | undefined)[];
    readonly isDashed?: boolean;
  }[];
  readonly isLogarithmic?: boolean;
}

/** One line for each series over labelled steps. */
export function drawLines({ title, unit, xName, xLabels, series, isLogarithmic = false }: Lines): string {
  return render(LINE_HEIGHT, {
    ...heading(title, unit),
    legend: legend(),
    grid: { left: 10, right: 30, top: 92, bottom: 34, outerBoundsMode: 'same', outerBoundsContain: 'all' },
    xAxis: {
      type: 'category',
      data: [...xLabels],
      name: xName,
      nameLocation: 'middle',
      nameGap: 30,
      nameTextStyle: { color: INK, fontFamily: FONT },
      axisLabel: { color: INK, fontFamily: FONT },
    },
    yAxis: {
      type: isLogarithmic ? 'log' : 'value',
      axisLabel: { color: INK, fontFamily: FONT, formatter: (figure: number) => shortened(figure) },
      splitLine: { lineStyle: { color: RULE } },
    },
    series: series.map(({ name, values, isDashed = false }, at) => ({
      type: 'line' as const,
      name,
      data: values.map((figure) => figure ?? '-'),
      symbolSize: 7,
      itemStyle: { color: colourOf(name, at, 1) },
      lineStyle: { color: colourOf(name, at, 1), width: 2.5, ...(isDashed ? { type: 'dashed' as const } : {}) },
    })),
  });
}

function heading(title: string, unit: string) {
  return {
    title: {
      text: title,
      subtext: unit,
      left: 10,
      top: 8,
      textStyle: { color: INK, fontFamily: FONT, fontSize: 16 },
      subtextStyle: { color: '#666666', fontFamily: FONT, fontSize: 12 },
    },
  };
}

function legend() {
  return { top: 54, left: 6, itemHeight: 10, textStyle: { color: INK, fontFamily: FONT } };
}

/** By the queue's name; paler for the first of two. */
function colourOf(label: string, at: number, of: number): string {
  const colour = COLOURS.find(([beginning]) => label.startsWith(beginning))?.[1] ?? OTHER;
  return of > 1 && at === 0 ? `${colour}99` : colour;
}

/** `23,667`, `4.2`, `1.3 k` never: readers compare digits. */
function shortened(figure: number): string {
  return figure.toLocaleString('en', {
    maximumFractionDigits: Math.abs(figure) >= 100 ? 0 : 2,
    signDisplay: 'negative',
  });
}

function render(height: number, option: echarts.EChartsCoreOption): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: Math.round(height) });
  chart.setOption({ backgroundColor: '#ffffff', animation: false, ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  // Classes are for the pointer, whom an image does not see; names are counted over all charts and would change with every other one.
  return `${svg
    .replaceAll(/ class="[^"]*"/g, '')
    .replaceAll(/\bzr\d+-/g, 'zr-')
    .replaceAll(/<style[\s\S]*?<\/style>\n?/g, '')}\n`;
}
