import { TradedbError } from '../error.ts';

/** A range of the monitoring plugin convention: `10`, `10:`, `~:10`, `10:20`, and with `@` the inside of one. */
export interface Range {
  /** Undefined: without a lower end. */
  readonly from: number | undefined;
  /** Undefined: without an upper end. */
  readonly to: number | undefined;
  /** Alert inside of it, the ends with it, instead of outside. */
  readonly inside: boolean;
}

/** `read` reads one end in the unit of its check. Throws `usage`. */
export function parseRange(text: string, read: (end: string) => number): Range {
  const inside = text.startsWith('@');
  const body = inside ? text.slice(1) : text;
  const [first = '', second, ...more] = body.split(':');
  if (more.length > 0 || body === '' || body === ':') {
    throw new TradedbError('usage', `${JSON.stringify(text)} is no range`, {
      hint: 'such as 10 (alert outside of 0 to 10), 10: (below 10), ~:10 (above 10), @10:20 (inside)',
    });
  }
  // One number alone is the upper end of a range from zero.
  const from = second === undefined ? 0 : first === '~' ? undefined : read(first === '' ? '0' : first);
  const upper = second ?? first;
  const to = upper === '' ? undefined : read(upper);
  if (from !== undefined && to !== undefined && from > to)
    throw new TradedbError('usage', `${JSON.stringify(text)} is no range: it begins behind its end`);
  return { from, to, inside };
}

export function alertsAt({ from, to, inside }: Range, value: number): boolean {
  const isWithin = (from === undefined || value >= from) && (to === undefined || value <= to);
  return isWithin === inside;
}
