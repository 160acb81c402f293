import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { hasReferenceSchema } from '../reference-schema.ts';

/** What the guard reads of a retention policy, and adds to it. */
interface GuardedPolicy {
  readonly table: string;
  readonly hold: readonly { readonly column: string; readonly in: readonly (string | number | boolean | null)[] }[];
}

/** Tables whose rows are the life of an order. */
const ofOrders = ['order_events', 'fills'];

/** True when one of the policies names a table that the guard is about: otherwise nobody needs to open the database. */
export function concernsOrders(policies: readonly Pick<GuardedPolicy, 'table'>[]): boolean {
  return policies.some(({ table }) => ['orders', ...ofOrders].includes(table.toLowerCase()));
}

/**
 * In the trading schema nothing of an order leaves while it is open, whatever a policy says of states: open orders are on
 * hold, and their events and fills leave with them or not at all. Policies of other databases stay as they are.
 */
export function keepOpenOrders<P extends GuardedPolicy>(policies: readonly P[], connection: Connection): readonly P[] {
  if (!concernsOrders(policies) || !hasReferenceSchema(connection)) return policies;
  return policies.map((policy) => {
    const table = policy.table.toLowerCase();
    if (ofOrders.includes(table)) {
      throw new TradedbError(
        'usage',
        `rows of ${JSON.stringify(policy.table)} belong to an order, which may still be open`,
        {
          hint: 'name the table among the children of a policy of orders',
        },
      );
    }
    return table === 'orders' ? { ...policy, hold: [...policy.hold, { column: 'is_open', in: [1] }] } : policy;
  });
}
