// A small trading engine on the library: a mean-reversion strategy on the bundled real prices, a simulated venue, and the
// order store that keeps orders, fills, position, ledger and audit chain in step.
//
//   node examples/engine/engine.mjs --database trading.db --seconds 20 --rate 200
//
// One line per second on stderr, the sums as one JSON line on stdout at the end. SIGTERM and SIGINT end it cleanly: open
// orders are cancelled, the database is closed. Only what COMMIT has acknowledged is counted.
import { parseArgs } from 'node:util';
import {
  ensureAccount,
  ensureAsset,
  ensureInstrument,
  ensureStrategy,
  ensureVenue,
  openTradingDatabase,
  TradedbError,
} from 'tradedb';
import { prices } from './prices.mjs';
import { MeanReversion } from './strategy.mjs';

const { values } = parseArgs({
  options: {
    database: { type: 'string', short: 'd' },
    seconds: { type: 'string', default: '20' },
    /** Store calls per second; each is one transaction. */
    rate: { type: 'string', default: '200' },
  },
});
const seconds = Number(values.seconds);
const rate = Number(values.rate);
if (values.database === undefined || !(seconds > 0) || !(rate > 0)) {
  process.stderr.write('usage: node examples/engine/engine.mjs --database <path> [--seconds 20] [--rate 200]\n');
  process.exit(2);
}

const db = openTradingDatabase(values.database);
const { orders } = db;
const { accountId, strategyId } = db.tx((t) => {
  const usd = ensureAsset(t, 'USD', 2);
  const base = ensureAsset(t, 'SP500', 1);
  const venueId = ensureVenue(t, 'SAMPLE', false);
  const pair = { venueId, symbol: 'SP500', kind: 'equity', baseAssetId: base, quoteAssetId: usd };
  ensureInstrument(t, { ...pair, priceScale: 2, qtyScale: 0 });
  return {
    accountId: ensureAccount(t, { venueId, name: 'engine', mode: 'paper' }),
    strategyId: ensureStrategy(t, 'mean-reversion', '1'),
  };
});
const instrument = orders.instrument('SAMPLE', 'SP500', 'equity');
if (orders.balances(accountId).length === 0) {
  orders.deposit({ accountId, asset: 'USD', amount: '10000000.00' });
  orders.deposit({ accountId, asset: 'SP500', amount: '10000' });
}

const sums = { orders: 0, acknowledged: 0, fills: 0, cancels: 0, quotes: 0, writes: 0, errors: 0, events: 0 };
orders.subscribe({ accountId }, () => {
  sums.events += 1;
});

const run = `${Date.now().toString(36)}-${process.pid}`;
const market = prices();
const strategy = new MeanReversion();
/** Orders that the venue has not answered, and those that work there. */
const unanswered = [];
const working = [];
let position = Number(orders.position(accountId, instrument.id).qty);
let price = 0;
let number = 0;

/** The next thing to do; each is one transaction of the store. */
function nextWrite() {
  price = market.next().value;
  number += 1;
  const pending = unanswered.shift();
  if (pending !== undefined) return acknowledge(pending);
  const crossed = working.findIndex((order) => (order.side === 'buy' ? price <= order.price : price >= order.price));
  if (crossed >= 0) return fill(working.splice(crossed, 1)[0]);
  if (working.length > 20) return cancel(working.shift());
  return number % 10 === 0 ? quote() : place();
}

function place() {
  const wanted = strategy.next(price, position);
  const order = orders.place({
    accountId,
    instrumentId: instrument.id,
    strategyId,
    clientOrderId: `engine-${run}-${number}`,
    side: wanted.side,
    type: 'limit',
    price: wanted.price,
    quantity: wanted.quantity,
  });
  sums.orders += 1;
  unanswered.push(order);
}

function acknowledge(order) {
  orders.acknowledge(order.orderId, { venueOrderId: `venue-${order.orderId}` });
  sums.acknowledged += 1;
  working.push(order);
}

function fill(order) {
  const quantity = order.leavesQuantity > 2 && number % 4 === 0 ? 1 : order.leavesQuantity;
  const report = { venueTradeId: `trade-${run}-${number}`, price: order.price, quantity };
  // Two hundredths of a percent, in cents.
  const fee = { asset: 'USD', amount: BigInt(Math.round((order.price * quantity * 2) / 10_000)) };
  const result = orders.fill(order.orderId, { ...report, fee, liquidity: 'maker' });
  sums.fills += 1;
  position += order.side === 'buy' ? quantity : -quantity;
  if (result.order.isOpen) working.push(result.order);
}

function cancel(order) {
  orders.cancelled(order.orderId);
  sums.cancels += 1;
}

function quote() {
  const size = { bidQuantity: 100 + (number % 50), askQuantity: 100 + (number % 70) };
  const tsUs = Date.now() * 1000;
  orders.quotes([
    { instrumentId: instrument.id, tsUs, seq: number, bidPrice: price - 1, askPrice: price + 1, ...size },
  ]);
  sums.quotes += 1;
}

function write() {
  try {
    nextWrite();
    sums.writes += 1;
  } catch (error) {
    if (!(error instanceof TradedbError)) throw error;
    sums.errors += 1;
    process.stderr.write(`${error.code}: ${error.message}\n`);
  }
}

const startedMs = performance.now();
let stopping = false;
let toldSeconds = 0;
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    stopping = true;
  });
}

while (!stopping) {
  const elapsed = (performance.now() - startedMs) / 1000;
  if (elapsed >= seconds) break;
  if (elapsed >= toldSeconds + 1) {
    toldSeconds = Math.floor(elapsed);
    process.stderr.write(
      `${toldSeconds} s  ${sums.writes} writes  ${sums.orders} orders  ${sums.fills} fills  position ${position}  price ${instrument.formatPrice(price)}\n`,
    );
  }
  // What is due by the clock, a few at a time, so that signals and timers get their turn.
  const due = Math.min(20, Math.floor(elapsed * rate) - sums.writes - sums.errors);
  for (let done = 0; done < due; done++) write();
  await new Promise((resolve) => setTimeout(resolve, due >= 20 ? 0 : 5));
}

for (const order of orders.open({ accountId, instrumentId: instrument.id })) {
  orders.cancelled(order.orderId);
  sums.cancels += 1;
  sums.writes += 1;
}
const ended = orders.position(accountId, instrument.id);
const result = {
  ...sums,
  seconds: Math.round((performance.now() - startedMs) / 100) / 10,
  position: Number(ended.qty),
  realizedCents: Number(ended.realized),
};
await db.close();
process.stdout.write(`${JSON.stringify(result)}\n`);
