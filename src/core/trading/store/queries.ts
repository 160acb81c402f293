import type { Connection } from '../../sqlite/connection.ts';
import type { AuditRow } from '../audit/chain.ts';
import { bound } from '../bound.ts';
import { type Price, type Quantity, type Side, sideOf, signOf } from '../units.ts';
import { type OrderRow, orderColumns, orderState } from './order-row.ts';
import { flat } from './position.ts';
import type { Balance, Cursor, DailyProfit, Fill, OrderEvent, OrderState, Page, Position } from './types.ts';

export interface OpenFilter {
  readonly accountId: number;
  readonly instrumentId?: number;
  readonly side?: Side;
}

/** Open orders, buys before sells, best price first. */
export function openOrders(connection: Connection, filter: OpenFilter): OrderState[] {
  const sides: readonly Side[] = filter.side === undefined ? ['buy', 'sell'] : [filter.side];
  return sides.flatMap((side) => {
    const onInstrument = filter.instrumentId === undefined ? '' : 'AND instrument_id = @instrumentId';
    const order = side === 'buy' ? 'DESC' : 'ASC';
    return connection
      .all<OrderRow>(
        `SELECT ${orderColumns} FROM orders WHERE is_open = 1 AND account_id = @accountId ${onInstrument} AND side = @side
         ORDER BY instrument_id, price ${order}, order_id`,
        {
          accountId: filter.accountId,
          side: signOf(side),
          ...(filter.instrumentId === undefined ? {} : { instrumentId: filter.instrumentId }),
        },
      )
      .map(orderState);
  });
}

/** Orders of an account, newest first, in pages that stay right while new orders come in. */
export function history(
  connection: Connection,
  page: { readonly accountId: number; readonly before?: Cursor; readonly limit?: number },
): Page<OrderState> {
  const limit = page.limit ?? 50;
  const before = page.before ?? { createdUs: Number.MAX_SAFE_INTEGER, orderId: Number.MAX_SAFE_INTEGER };
  const items = connection
    .all<OrderRow>(
      `SELECT ${orderColumns} FROM orders WHERE account_id = ${bound} AND (created_us, order_id) < (${bound}, ${bound})
       ORDER BY created_us DESC, order_id DESC LIMIT ?`,
      [page.accountId, before.createdUs, before.orderId, limit],
    )
    .map(orderState);
  const last = items.at(-1);
  return items.length < limit || last === undefined
    ? { items }
    : { items, next: { createdUs: last.createdUs, orderId: last.orderId } };
}

export function eventsOf(connection: Connection, orderId: number): OrderEvent[] {
  return connection.all<OrderEvent>(
    `SELECT seq, exec_type AS execType, from_status AS fromStatus, to_status AS toStatus, cum_qty AS cumQuantity,
            event_us AS eventUs, recv_us AS receivedUs, note FROM order_events WHERE order_id = ${bound} ORDER BY seq`,
    [orderId],
  );
}

export type FillFilter =
  | { readonly orderId: number }
  | { readonly accountId: number; readonly instrumentId: number; readonly fromUs?: number; readonly toUs?: number };

interface FillRow {
  readonly fill_id: number;
  readonly order_id: number;
  readonly account_id: number;
  readonly instrument_id: number;
  readonly venue_trade_id: string;
  readonly side: number;
  readonly price: number;
  readonly qty: number;
  readonly notional: number;
  readonly realized: number;
  readonly fee: number;
  readonly fee_asset_id: number | null;
  readonly liquidity: 'M' | 'T' | null;
  readonly exec_us: number;
  readonly busted: number;
}

/** Fills of an order, or of an account and instrument in a time range (`toUs` not included). */
export function fillsOf(connection: Connection, filter: FillFilter): Fill[] {
  const rows =
    'orderId' in filter
      ? connection.all<FillRow>(`SELECT * FROM fills WHERE order_id = ${bound} ORDER BY fill_id`, [filter.orderId])
      : connection.all<FillRow>(
          `SELECT * FROM fills WHERE account_id = ? AND instrument_id = ? AND exec_us >= ? AND exec_us < ?
           ORDER BY exec_us, fill_id`,
          [filter.accountId, filter.instrumentId, filter.fromUs ?? 0, filter.toUs ?? Number.MAX_SAFE_INTEGER],
        );
  return rows.map(fillOf);
}

function fillOf(row: FillRow): Fill {
  return {
    fillId: row.fill_id,
    orderId: row.order_id,
    accountId: row.account_id,
    instrumentId: row.instrument_id,
    venueTradeId: row.venue_trade_id,
    side: sideOf(row.side),
    price: row.price as Price,
    quantity: row.qty as Quantity,
    notional: row.notional,
    realized: row.realized,
    fee: row.fee,
    feeAssetId: row.fee_asset_id,
    liquidity: row.liquidity === null ? null : row.liquidity === 'M' ? 'maker' : 'taker',
    execUs: row.exec_us,
    isBusted: row.busted === 1,
  };
}

/** The position of a pair; a flat one when there never was any. */
export function positionOf(connection: Connection, accountId: number, instrumentId: number): Position {
  const row = connection
    .prepare('SELECT qty, cost, realized, updated_us FROM positions WHERE account_id = ? AND instrument_id = ?')
    .withBigIntegers()
    .get<{ qty: bigint; cost: bigint; realized: bigint; updated_us: bigint }>([accountId, instrumentId]);
  const { qty, cost, realized } = row ?? flat;
  return { accountId, instrumentId, qty, cost, realized, updatedUs: Number(row?.updated_us ?? 0n) };
}

/** Cash of an account, by asset. */
export function balancesOf(connection: Connection, accountId: number): Balance[] {
  return connection
    .prepare(
      `SELECT a.code, a.scale, b.amount, b.held FROM ledger_accounts l JOIN balances b USING (ledger_account_id)
       JOIN assets a USING (asset_id) WHERE l.account_id = ? AND l.kind = 'cash' ORDER BY a.code`,
    )
    .withBigIntegers()
    .all<{ code: string; scale: bigint; amount: bigint; held: bigint }>([accountId])
    .map(({ code, scale, amount, held }) => ({
      asset: code,
      scale: Number(scale),
      amount,
      held,
      available: amount - held,
    }));
}

/** Exact profit per UTC day, account and asset, for the days that begin in [fromUs, toUs). */
export function dailyProfit(
  connection: Connection,
  range: { readonly fromUs: number; readonly toUs: number; readonly accountId?: number },
): DailyProfit[] {
  const ofAccount = range.accountId === undefined ? '' : 'AND account_id = @accountId';
  return connection
    .prepare(
      `SELECT date(d * 86400, 'unixepoch') AS day, account_id AS accountId, asset_id AS assetId, sum(realized) AS realized,
              sum(fee) AS fees, sum(funding) AS funding
       FROM (SELECT f.exec_us / 86400000000 AS d, f.account_id, i.quote_asset_id AS asset_id, f.realized, 0 AS fee, 0 AS funding
             FROM fills f JOIN instruments i USING (instrument_id)
             WHERE f.busted = 0 AND f.exec_us >= @fromUs AND f.exec_us < @toUs ${ofAccount}
             UNION ALL
             SELECT exec_us / 86400000000, account_id, fee_asset_id, 0, fee, 0 FROM fills
             WHERE busted = 0 AND fee <> 0 AND exec_us >= @fromUs AND exec_us < @toUs ${ofAccount}
             UNION ALL
             SELECT due_us / 86400000000, account_id, asset_id, 0, 0, amount FROM funding_payments
             WHERE due_us >= @fromUs AND due_us < @toUs ${ofAccount})
       GROUP BY d, account_id, asset_id ORDER BY d, account_id, asset_id`,
    )
    .withBigIntegers()
    .all<{ day: string; accountId: bigint; assetId: bigint; realized: bigint; fees: bigint; funding: bigint }>({
      fromUs: range.fromUs,
      toUs: range.toUs,
      ...(range.accountId === undefined ? {} : { accountId: range.accountId }),
    })
    .map(({ day, accountId, assetId, realized, fees, funding }) => ({
      day,
      accountId: Number(accountId),
      assetId: Number(assetId),
      realized,
      fees,
      funding,
      net: realized - fees + funding,
    }));
}

/** Audit rows after a number: how other processes follow along. */
export function changesSince(connection: Connection, auditSeq: number, limit = 1000): AuditRow[] {
  return connection.all<AuditRow>(
    `SELECT seq, ts_us AS tsUs, actor, action, entity, entity_id AS entityId, payload FROM audit_log
     WHERE seq > ? ORDER BY seq LIMIT ?`,
    [auditSeq, limit],
  );
}
