import { candleUpsert, fundingSettle, quoteIngest } from './market-transactions.ts';
import type { Mix } from './mix.ts';
import { orderAck, orderCancel, orderFill, orderNew, orderReplace } from './order-transactions.ts';
import {
  balanceRead,
  bookOpen,
  candleRange,
  historyPage,
  orderStatus,
  pnlReport,
  positionRead,
  reconcile,
} from './read-transactions.ts';

/**
 * An order management system: 4.8 cancels a fill, two reads for three writes. The split is a choice of this project,
 * anchored to published cancel and fill ratios (docs/trading-schema.md).
 */
export const oms: Mix = {
  name: 'oms',
  transactions: [
    { ...orderNew, weight: 14 },
    { ...orderAck, weight: 14 },
    { ...orderCancel, weight: 12 },
    { ...orderReplace, weight: 1.5 },
    { ...orderFill, weight: 2.5 },
    { ...orderStatus, weight: 16 },
    { ...bookOpen, weight: 8 },
    { ...positionRead, weight: 8 },
    { ...balanceRead, weight: 3 },
    { ...historyPage, weight: 3 },
    { ...quoteIngest, weight: 8 },
    { ...candleUpsert, weight: 4 },
    { ...candleRange, weight: 4 },
    { ...pnlReport, weight: 1.5 },
    { ...fundingSettle, weight: 0.1 },
    { ...reconcile, weight: 0.4 },
  ],
};
