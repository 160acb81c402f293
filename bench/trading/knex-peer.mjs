// The peer of order-store.mjs: place, acknowledge and fill of one order with the statements of the order store, through
// knex's query builder and transactions. `audit: false` in the store, because knex has no audit chain to compare with.
import knex from 'knex';

export async function openPeer(filename) {
  const client = knex({
    client: 'better-sqlite3',
    connection: { filename },
    useNullAsDefault: true,
    pool: { min: 1, max: 1 },
  });
  await client.raw('PRAGMA synchronous = NORMAL');
  await client.raw('PRAGMA foreign_keys = ON');
  return client;
}

/** The instrument is one of cents and whole shares; the same rows as the store's, row for row. */
export async function tradeOne(client, market, number) {
  const now = market.nowUs + number * 1000;
  const price = 10_000;
  const qty = 5;
  const notional = price * qty;
  const held = notional + Math.ceil((notional * 25) / 10_000);
  const event = (orderId, seq, exec, from, to, cum) => ({
    order_id: orderId,
    seq,
    exec_type: exec,
    from_status: from,
    to_status: to,
    cum_qty: cum,
    event_us: now,
    recv_us: now,
    note: null,
  });
  const account = (t, assetId, kind) =>
    t('ledger_accounts').where({ account_id: market.accountId, asset_id: assetId, kind }).first();

  const orderId = await client.transaction(async (t) => {
    await t('orders')
      .where({ account_id: market.accountId, client_order_id: `k-${number}` })
      .first();
    await t('instruments').where({ instrument_id: market.instrumentId }).first();
    await t('accounts').where({ account_id: market.accountId }).first();
    const [id] = await t('orders').insert({
      account_id: market.accountId,
      instrument_id: market.instrumentId,
      client_order_id: `k-${number}`,
      side: 1,
      type: 'limit',
      tif: 'GTC',
      price,
      qty,
      filled_qty: 0,
      filled_notional: 0,
      status: 'PENDING_NEW',
      created_us: now,
      updated_us: now,
    });
    await t('order_events').insert(event(id, 1, 'PENDING_NEW', null, 'PENDING_NEW', 0));
    const cash = await account(t, market.quoteAssetId, 'cash');
    await t('balances').where({ ledger_account_id: cash.ledger_account_id }).first();
    await t('balances').where({ ledger_account_id: cash.ledger_account_id }).increment('held', held);
    return id;
  });

  await client.transaction(async (t) => {
    await t('orders').where({ order_id: orderId }).first();
    await t('instruments').where({ instrument_id: market.instrumentId }).first();
    await t('order_events').where({ order_id: orderId }).orderBy('seq', 'desc').first();
    await t('order_events').insert(event(orderId, 2, 'NEW', 'PENDING_NEW', 'NEW', 0));
    await t('orders')
      .where({ order_id: orderId })
      .update({ status: 'NEW', venue_order_id: `kv-${number}`, updated_us: now });
  });

  await client.transaction(async (t) => {
    await t('orders').where({ order_id: orderId }).first();
    await t('fills').where({
      account_id: market.accountId,
      instrument_id: market.instrumentId,
      venue_trade_id: `kt-${number}`,
    });
    await t('instruments').where({ instrument_id: market.instrumentId }).first();
    const position = await t('positions')
      .where({ account_id: market.accountId, instrument_id: market.instrumentId })
      .first();
    const [fillId] = await t('fills').insert({
      order_id: orderId,
      account_id: market.accountId,
      instrument_id: market.instrumentId,
      venue_trade_id: `kt-${number}`,
      side: 1,
      price,
      qty,
      notional,
      realized: 0,
      fee: 0,
      exec_us: now,
      recv_us: now,
    });
    await t('order_events').where({ order_id: orderId }).orderBy('seq', 'desc').first();
    await t('order_events').insert(event(orderId, 3, 'TRADE', 'NEW', 'FILLED', qty));
    await t('orders')
      .where({ order_id: orderId })
      .update({ status: 'FILLED', filled_qty: qty, filled_notional: notional, updated_us: now });
    const cash = await account(t, market.quoteAssetId, 'cash');
    await t('balances').where({ ledger_account_id: cash.ledger_account_id }).decrement('held', held);
    const next = {
      qty: (position?.qty ?? 0) + qty,
      cost: (position?.cost ?? 0) + notional,
      realized: 0,
      last_fill_id: fillId,
      updated_us: now,
    };
    await t('positions')
      .insert({ account_id: market.accountId, instrument_id: market.instrumentId, ...next })
      .onConflict(['account_id', 'instrument_id'])
      .merge(next);
    const [journalId] = await t('journal').insert({ ts_us: now, kind: 'fill', fill_id: fillId });
    const lines = [
      [market.baseAssetId, 'cash', qty],
      [market.baseAssetId, 'trading', -qty],
      [market.quoteAssetId, 'cash', -notional],
      [market.quoteAssetId, 'trading', notional],
    ];
    for (const [index, [assetId, kind, amount]] of lines.entries()) {
      let ledger = await account(t, assetId, kind);
      if (ledger === undefined) {
        await t('ledger_accounts').insert({ account_id: market.accountId, asset_id: assetId, kind, allow_negative: 1 });
        ledger = await account(t, assetId, kind);
      }
      await t('postings').insert({
        journal_id: journalId,
        line: index + 1,
        ledger_account_id: ledger.ledger_account_id,
        amount,
      });
      await t('balances')
        .insert({ ledger_account_id: ledger.ledger_account_id, amount })
        .onConflict('ledger_account_id')
        .merge({ amount: t.raw('balances.amount + excluded.amount') });
    }
  });
}
