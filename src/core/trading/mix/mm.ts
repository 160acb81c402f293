import { candleUpsert, quoteIngest } from './market-transactions.ts';
import type { Mix } from './mix.ts';
import { orderAck, orderCancel, orderFill, orderNew } from './order-transactions.ts';
import { balanceRead, bookOpen, orderStatus, pnlReport, positionRead } from './read-transactions.ts';

/** A market maker: nearly every order is cancelled, 3.3 in a hundred are filled. */
export const mm: Mix = {
  name: 'mm',
  transactions: [
    { ...orderNew, weight: 24 },
    { ...orderAck, weight: 24 },
    { ...orderCancel, weight: 23.2 },
    { ...orderFill, weight: 0.8 },
    { ...orderStatus, weight: 8 },
    { ...bookOpen, weight: 8 },
    { ...positionRead, weight: 4 },
    { ...balanceRead, weight: 0.5 },
    { ...quoteIngest, weight: 6 },
    { ...candleUpsert, weight: 1 },
    { ...pnlReport, weight: 0.5 },
  ],
};
