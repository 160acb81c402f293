import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import type { ProgramName } from './profile.ts';

/** Which rows of a program may leave, as a proposal: nobody but the operator decides. Durations in milliseconds. */
export interface ProposedPolicy {
  readonly table: string;
  readonly column: string;
  readonly unit: 's' | 'ms' | 'us' | 'ns' | 'iso';
  /** Of ISO times that name none. */
  readonly timezone?: string;
  readonly keep: number;
  readonly minRows: number;
  readonly states?: { readonly column: string; readonly in: readonly (string | number)[] };
  readonly hold: readonly [];
  readonly children: readonly string[];
  readonly triggers: 'refuse';
  readonly adjust?: string;
  /** What the program loses by it. */
  readonly warning?: string;
}

const day = 86_400_000;
const year = 365 * day;
const plain = { minRows: 0, hold: [], children: [], triggers: 'refuse' } as const;
const final = ['BuyOrderCompleted', 'SellOrderCompleted', 'OrderCancelled', 'OrderExpired', 'OrderFailure'];

/** Keeps an overview of vn.py true: it counts the rows and names the first of them. */
function adjustOverview(overview: string, rows: string, key: readonly string[]): string {
  const same = key.map((column) => `${column} = @${column}`).join(' AND ');
  return `UPDATE ${overview} SET count = count - @tradedb_rows,
    start = coalesce((SELECT min(datetime) FROM ${rows} WHERE ${same}), start) WHERE ${same}`;
}

const proposals: Readonly<Record<ProgramName, readonly ProposedPolicy[]>> = {
  freqtrade: [
    {
      ...plain,
      table: 'trades',
      column: 'close_date',
      unit: 'iso',
      keep: 2 * year,
      states: { column: 'is_open', in: [0] },
      children: ['orders', 'trade_custom_data'],
      warning: "the bot's total profit is a sum over all closed trades: it loses what leaves",
    },
    { ...plain, table: 'pairlocks', column: 'lock_end_time', unit: 'iso', keep: 30 * day },
  ],
  hummingbot: [
    { ...plain, table: 'MarketData', column: 'timestamp', unit: 'ns', keep: 30 * day },
    {
      ...plain,
      table: 'Order',
      column: 'creation_timestamp',
      unit: 'ms',
      keep: year,
      states: { column: 'last_status', in: final },
      children: ['OrderStatus', 'TradeFill'],
      warning: 'fills leave with their order: what the bot shows as its history begins later',
    },
    { ...plain, table: 'Executors', column: 'close_timestamp', unit: 's', keep: year },
  ],
  vnpy: [
    {
      ...plain,
      table: 'dbtickdata',
      column: 'datetime',
      unit: 'iso',
      keep: 90 * day,
      adjust: adjustOverview('dbtickoverview', 'dbtickdata', ['symbol', 'exchange']),
    },
    {
      ...plain,
      table: 'dbbardata',
      column: 'datetime',
      unit: 'iso',
      keep: 2 * year,
      states: { column: 'interval', in: ['1m'] },
      adjust: adjustOverview('dbbaroverview', 'dbbardata', ['symbol', 'exchange', 'interval']),
    },
  ],
};

export interface Proposal {
  readonly policies: readonly Omit<ProposedPolicy, 'warning'>[];
  /** What the operator must know: what a program loses, and what is not proposed for this file. */
  readonly warnings: readonly string[];
}

/**
 * The proposals that fit this file. Rows that belong together leave together, or stay. Times without a zone are UTC in
 * the file of freqtrade, and of `timezone` in that of vn.py.
 */
export function proposedPolicies(name: ProgramName, connection: Connection, timezone?: string): Proposal {
  if (name === 'vnpy' && timezone === undefined) {
    throw new TradedbError('usage', 'the times of vn.py are local ones, and its file does not say where', {
      hint: 'name the zone of the machine that wrote it, such as --timezone Asia/Shanghai',
    });
  }
  const zone = name === 'vnpy' ? timezone : 'UTC';
  const pointing = connection.all<{ child: string; parent: string }>(
    `SELECT m.name AS child, f."table" AS parent FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`,
  );
  const tables = new Set(
    connection.all<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'").map((row) => row.name),
  );
  const policies: Omit<ProposedPolicy, 'warning'>[] = [];
  const warnings: string[] = [];
  for (const { warning, ...policy } of proposals[name]) {
    const overview = policy.table === 'dbtickdata' ? 'dbtickoverview' : undefined;
    if (!tables.has(policy.table) || (overview !== undefined && !tables.has(overview))) continue;
    const children = policy.children.filter((child) => tables.has(child));
    const loose = children.filter(
      (child) => !pointing.some((key) => key.child === child && key.parent === policy.table),
    );
    if (loose.length > 0) {
      warnings.push(`${policy.table}: nothing is proposed, because ${loose.join(', ')} has no foreign key to it here`);
      continue;
    }
    if (warning !== undefined) warnings.push(`${policy.table}: ${warning}`);
    const isText = policy.unit === 'iso' && zone !== undefined;
    policies.push({ ...policy, ...(isText ? { timezone: zone } : {}), children });
  }
  return { policies, warnings };
}
