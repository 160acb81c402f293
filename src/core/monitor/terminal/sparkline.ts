const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** The last `width` values as bars, scaled from 0 to `top` (the largest of them by default), filled with spaces at the left. */
export function sparkline(values: readonly number[], width: number, top?: number): string {
  const shown = values.slice(-width);
  const scale = top ?? Math.max(...shown, 0);
  const text = shown.map((value) => {
    if (value <= 0 || scale <= 0) return bars[0];
    return bars[Math.min(7, Math.floor((value / scale) * 7.999))];
  });
  return text.join('').padStart(Math.max(0, width));
}
