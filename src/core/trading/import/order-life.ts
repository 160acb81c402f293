import { powerOfTen } from '../decimal.ts';
import type { ExecType, OrderStatus } from '../order-state.ts';
import { exactOf, exactOrZero, exactScale } from '../profile/exact.ts';
import type { RawValue } from './raw-value.ts';
import type { EventPart, FillPart } from './unit.ts';

/** Half of 10^-8, the finest that money is kept at. */
const smallestHalf = 5n * powerOfTen(exactScale - 9);

/** What became of an order by its own word, judged by what was filled. */
export interface Life {
  readonly status: OrderStatus;
  /** Why the status is not the word of the source. */
  readonly note: string | null;
}

/** Filled quantity against the quantity of an order, in exact decimals. */
export function filledOf(fills: readonly FillPart[]): bigint {
  return fills.reduce((sum, { qty }) => sum + exactOrZero(qty), 0n);
}

/** A payment too small for any asset says nothing, and does not enter. */
export function isPayment(amount: RawValue): boolean {
  const exact = exactOf(amount);
  return exact === undefined || exact > smallestHalf || exact < -smallestHalf;
}

/** A trade id that two fills of one order have, which no venue gives. */
export function repeatedTrade(fills: readonly FillPart[]): string | undefined {
  const seen = new Set<string>();
  for (const { venueTradeId } of fills) {
    if (seen.has(venueTradeId)) return venueTradeId;
    seen.add(venueTradeId);
  }
  return undefined;
}

/** A word for an open or finished order says nothing about how much was filled. */
export function lifeOf(told: OrderStatus, qty: RawValue, filled: bigint): Life {
  const wanted = exactOrZero(qty);
  const isWhole = filled >= wanted;
  if (told === 'FILLED' && !isWhole) {
    return { status: 'CANCELED', note: 'the source calls it finished although not all was filled' };
  }
  if (told === 'NEW' || told === 'PENDING_NEW' || told === 'PARTIALLY_FILLED') {
    if (filled === 0n) return { status: told === 'PARTIALLY_FILLED' ? 'NEW' : told, note: null };
    if (isWhole) return { status: 'FILLED', note: 'the source calls it open although all was filled' };
    return { status: 'PARTIALLY_FILLED', note: null };
  }
  return { status: told, note: null };
}

/** The execution type that brings an order to a status. */
export const execOf: Readonly<Record<OrderStatus, ExecType>> = {
  PENDING_NEW: 'PENDING_NEW',
  NEW: 'NEW',
  PARTIALLY_FILLED: 'TRADE',
  FILLED: 'TRADE',
  PENDING_CANCEL: 'PENDING_CANCEL',
  PENDING_REPLACE: 'PENDING_REPLACE',
  CANCELED: 'CANCELED',
  REPLACED: 'REPLACED',
  REJECTED: 'REJECTED',
  EXPIRED: 'EXPIRED',
  SUSPENDED: 'SUSPENDED',
};

/** A status that the source kept, with its time. */
export interface ToldStatus {
  readonly status: OrderStatus;
  readonly eventUs: number;
  readonly recvUs: number;
  readonly note: string | null;
}

/** Events of the statuses: the first that tells a trade tells the first fill, and so on. */
export function eventsOf(told: readonly ToldStatus[], fills: readonly FillPart[]): EventPart[] {
  let trades = 0;
  return told.map(({ status, eventUs, recvUs, note }) => {
    const exec = execOf[status];
    const fill = exec === 'TRADE' && trades < fills.length ? trades++ : undefined;
    return { exec, to: status, eventUs, recvUs, fill, note };
  });
}
