import { escaped } from './html-text.js';

/** One kind of thing that bars are made of. */
export interface Series {
  name: string;
  /** Class of its colour in the page's style. */
  tone: 'good' | 'plain' | 'bad' | 'warn' | 'glass';
}

/** One bar: its label, and how much of each series. */
export interface Bar {
  label: string;
  values: readonly number[];
}

const WIDTH = 720;
const LEFT = 40;
const TOP = 8;
const PLOT = 150;
const FOOT = 26;

/** Stacked columns over a common axis; labels below as far as there is room. As SVG without script. */
export function columnChart(title: string, series: readonly Series[], bars: readonly Bar[]): string {
  const highest = Math.max(1, ...bars.map(({ values }) => values.reduce((sum, value) => sum + value, 0)));
  const top = niceTop(highest);
  const step = (WIDTH - LEFT) / Math.max(1, bars.length);
  const width = Math.min(48, step * 0.7);
  const height = (value: number): number => (value / top) * PLOT;
  const every = Math.ceil(bars.length / 10);
  const columns = bars.map(({ label, values }, index) => {
    const x = LEFT + step * index + (step - width) / 2;
    let below = 0;
    const parts = values.map((value, kind) => {
      const y = TOP + PLOT - height(below + value);
      below += value;
      const { name = '', tone = 'plain' } = series[kind] ?? {};
      return value === 0
        ? ''
        : `<rect class="${tone}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height(value))}"><title>${escaped(`${label}: ${String(value)} ${name}`)}</title></rect>`;
    });
    const text =
      index % every === 0
        ? `<text x="${round(x + width / 2)}" y="${String(TOP + PLOT + 16)}" text-anchor="middle">${escaped(label)}</text>`
        : '';
    return parts.join('') + text;
  });
  const lines = [0, top / 2, top].map((value) => {
    const y = round(TOP + PLOT - height(value));
    return `<line class="grid" x1="${String(LEFT)}" x2="${String(WIDTH)}" y1="${y}" y2="${y}"/><text x="${String(LEFT - 6)}" y="${y}" dy="4" text-anchor="end">${round(value)}</text>`;
  });
  return figure(title, series, `${lines.join('')}${columns.join('')}`, TOP + PLOT + FOOT);
}

/** Horizontal bars, each with its own words behind it. */
export function rowChart(
  title: string,
  rows: readonly { label: string; value: number; words: string; tone: Series['tone'] }[],
): string {
  const highest = Math.max(1, ...rows.map(({ value }) => value));
  const from = 150;
  const room = WIDTH - from - 310;
  const lines = rows.map(({ label, value, words, tone }, index) => {
    const y = TOP + index * 26;
    const width = Math.max(2, (value / highest) * room);
    return (
      `<text x="${String(from - 8)}" y="${String(y + 14)}" text-anchor="end">${escaped(label)}</text>` +
      `<rect class="${tone}" x="${String(from)}" y="${String(y)}" width="${round(width)}" height="18"/>` +
      `<text x="${round(from + width + 8)}" y="${String(y + 14)}">${escaped(words)}</text>`
    );
  });
  return figure(title, [], lines.join(''), TOP + rows.length * 26 + 4);
}

function figure(title: string, series: readonly Series[], content: string, height: number): string {
  const legend = series.map(({ name, tone }) => `<span class="key ${tone}"></span>${escaped(name)}`).join(' ');
  return `<figure><figcaption>${escaped(title)}${legend === '' ? '' : `<span class="legend">${legend}</span>`}</figcaption><svg viewBox="0 0 ${String(WIDTH)} ${String(height)}" role="img" aria-label="${escaped(title)}">${content}</svg></figure>`;
}

/** The next of 2, 4, 10, 20, 40, 100 …: half of it is a whole number too. */
function niceTop(highest: number): number {
  for (let scale = 1; ; scale *= 10) for (const step of [2, 4, 10]) if (step * scale >= highest) return step * scale;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}
