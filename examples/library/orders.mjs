import {
  applyReferenceSchema,
  ensureAccount,
  ensureAsset,
  ensureInstrument,
  ensureVenue,
  openTradingDatabase,
} from 'tradedb';

const db = openTradingDatabase(process.argv[2] ?? 'engine.db', { create: true });

// `tradedb init` makes a database that stays, with its migration history; this is for tests and experiments.
applyReferenceSchema(db.writer);
const { accountId } = db.tx((t) => {
  const usd = ensureAsset(t, 'USD', 2);
  const btc = ensureAsset(t, 'BTC', 8);
  const venueId = ensureVenue(t, 'SIM', true);
  const format = { priceScale: 2, qtyScale: 4, tickSize: 1, lotSize: 1 };
  ensureInstrument(t, { venueId, symbol: 'BTC-USD', kind: 'spot', baseAssetId: btc, quoteAssetId: usd, ...format });
  return { accountId: ensureAccount(t, { venueId, name: 'main', mode: 'paper' }) };
});

const { orders } = db;
const pair = orders.instrument('SIM', 'BTC-USD', 'spot');
orders.deposit({ accountId, asset: 'USD', amount: '50000.00' });

const order = orders.place({
  accountId,
  instrumentId: pair.id,
  clientOrderId: 'first',
  side: 'buy',
  type: 'limit',
  price: pair.price('20000.00'),
  quantity: pair.quantity('1.5000'),
});
orders.acknowledge(order.orderId, { venueOrderId: 'V-1' });

// Order, event, fill, position, ledger and audit row are one transaction; a repeated report changes nothing.
const report = { venueTradeId: 'T-1', price: pair.price('19990.00'), quantity: pair.quantity('0.5000') };
orders.fill(order.orderId, report);
console.log('repeated', orders.fill(order.orderId, report).repeated);
orders.cancelled(order.orderId);

console.log(orders.order(order.orderId).status, pair.formatQuantity(Number(orders.position(accountId, pair.id).qty)));
console.log(orders.balances(accountId).map(({ asset, amount, held }) => `${asset} ${amount} held ${held}`));

await db.close();
