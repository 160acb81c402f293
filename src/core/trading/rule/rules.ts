import { auditRules } from './audit-rules.ts';
import { ledgerRules } from './ledger-rules.ts';
import { marketRules } from './market-rules.ts';
import { orderRules } from './order-rules.ts';
import { positionRules } from './position-rules.ts';
import type { Rule } from './rule.ts';

/** All rules of the reference schema; causes stand before what they explain. */
export const tradingRules: readonly Rule[] = [
  ...marketRules,
  ...orderRules,
  ...positionRules,
  ...ledgerRules,
  ...auditRules,
];
