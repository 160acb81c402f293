import { formatDecimal } from '../decimal.ts';
import { exactScale } from '../profile/exact.ts';
import { filledOf } from './order-life.ts';
import type { FillPart, OrderUnit } from './unit.ts';

/** What fills say about the order that the source does not have. */
export type BuiltFrom = Pick<
  OrderUnit,
  'externalId' | 'account' | 'instrument' | 'strategy' | 'venueOrderId' | 'side' | 'related'
> & { readonly fills: readonly FillPart[] };

/** An order built from its fills: a market order over what they filled, from the first to the last. */
export function builtOrder(from: BuiltFrom): OrderUnit {
  const times = from.fills.map(({ execUs }) => execUs);
  return {
    kind: 'order',
    ...from,
    // A venue's ids are unique for each instrument only, so its id cannot stand in for the client's.
    clientOrderId: `fill-${from.externalId}`,
    parent: undefined,
    type: 'market',
    tif: 'GTC',
    postOnly: false,
    reduceOnly: false,
    price: null,
    stopPrice: null,
    qty: formatDecimal(filledOf(from.fills), exactScale),
    status: 'FILLED',
    createdUs: Math.min(...times),
    updatedUs: Math.max(...times),
    events: undefined,
    note: 'built from its fills: the source keeps no order',
    attributes: undefined,
  };
}
