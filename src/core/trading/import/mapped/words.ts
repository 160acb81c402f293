import type { Kind } from '../../instrument.ts';
import { type OrderStatus, orderStatuses } from '../../order-state.ts';
import type { OrderType, TimeInForce } from '../../store/types.ts';
import type { Sign } from '../../units.ts';
import type { RawValue } from '../raw-value.ts';
import { textOf } from './field.ts';

/** Words of the trade that need no `map` in a mapping file; upper and lower case are the same. */

const sides: Readonly<Record<string, Sign>> = {
  '1': 1,
  '1.0': 1,
  buy: 1,
  bid: 1,
  b: 1,
  long: 1,
  '-1': -1,
  '-1.0': -1,
  sell: -1,
  ask: -1,
  s: -1,
  short: -1,
};

/** Those of ccxt and freqtrade beside the own ones. `closed` is judged by what was filled. */
const statuses: Readonly<Record<string, OrderStatus>> = {
  open: 'NEW',
  active: 'NEW',
  submitted: 'PENDING_NEW',
  pending: 'PENDING_NEW',
  partial: 'PARTIALLY_FILLED',
  partially_filled: 'PARTIALLY_FILLED',
  closed: 'FILLED',
  done: 'FILLED',
  completed: 'FILLED',
  cancelled: 'CANCELED',
  rejected: 'REJECTED',
  failed: 'REJECTED',
  expired: 'EXPIRED',
  ...Object.fromEntries(orderStatuses.map((status) => [status.toLowerCase(), status])),
};

const kinds: readonly Kind[] = ['spot', 'equity', 'perp', 'future', 'option'];
const forces: readonly TimeInForce[] = ['GTC', 'IOC', 'FOK', 'DAY'];
const yes = new Set(['1', '1.0', 'true', 't', 'yes', 'y']);

const word = (value: RawValue): string => textOf(value).trim().toLowerCase();

export const sideOf = (value: RawValue): Sign | undefined => (value === null ? undefined : sides[word(value)]);

export const statusOf = (value: RawValue): OrderStatus | undefined =>
  value === null ? undefined : statuses[word(value).replace(/[\s-]+/g, '_')];

export const kindOf = (value: RawValue): Kind | undefined =>
  kinds.find((kind) => value !== null && word(value) === kind);

export const isYes = (value: RawValue): boolean => value !== null && yes.has(word(value));

export function forceOf(value: RawValue): TimeInForce {
  return forces.find((force) => value !== null && word(value) === force.toLowerCase()) ?? 'GTC';
}

/** A name with "stop" is a stop, with a limit when there is a price; a name with "maker" is a limit that must not take. */
export function typeOf(value: RawValue, price: RawValue): { type: OrderType; postOnly: boolean } {
  const name = value === null ? '' : word(value);
  if (name.includes('stop')) return { type: price === null ? 'stop' : 'stop_limit', postOnly: false };
  if (name.includes('market')) return { type: 'market', postOnly: false };
  return { type: price === null && !name.includes('limit') ? 'market' : 'limit', postOnly: name.includes('maker') };
}

const spans: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400, day: 86_400, w: 604_800 };

/** Seconds of `60`, `1m`, `15min`, `4h`, `d`, `1w`; undefined for months, whose length is not one. */
export function intervalOf(value: RawValue): number | undefined {
  if (value === null) return undefined;
  const match = /^(\d{0,9})\s*([a-z]*)$/i.exec(textOf(value).replace(/\.0+$/, ''));
  if (match === null || match[2] === 'M') return undefined;
  const [, digits = '', name = ''] = match;
  const span = name === '' ? 1 : spans[name.toLowerCase()];
  const seconds = digits === '' ? (name === '' ? undefined : span) : Number(digits) * (span ?? Number.NaN);
  return seconds === undefined || !(seconds > 0) ? undefined : seconds;
}
