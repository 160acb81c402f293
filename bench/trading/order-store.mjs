// Place, acknowledge and fill of an order through the order store, beside the same statements through knex, and beside the
// store without its audit chain; alternately, in one run, each on a file of its own with synchronous NORMAL.
// Targets: 5 times knex or more; with audit at least 0.85 of the throughput without.
//   npm run build && node bench/trading/order-store.mjs [orders] [rounds]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase } from '../../dist/core/sqlite/connection.js';
import { normalProfile } from '../../dist/core/sqlite/pragma-profile.js';
import { applyReferenceSchema } from '../../dist/core/trading/reference-schema.js';
import { createOrderStore } from '../../dist/core/trading/store/order-store.js';
import {
  ensureAccount,
  ensureAsset,
  ensureInstrument,
  ensureVenue,
} from '../../dist/core/trading/store/reference-data.js';
import { systemClock } from '../../dist/system/system-clock.js';
import { systemRandom } from '../../dist/system/system-random.js';
import { openPeer, tradeOne } from './knex-peer.mjs';

const orders = Number(process.argv[2] ?? 1000);
const rounds = Number(process.argv[3] ?? 5);
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function fresh(name) {
  const path = join(folder, name);
  for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
  const connection = createDatabase(path, normalProfile, { clock: systemClock, random: systemRandom });
  applyReferenceSchema(connection);
  const quoteAssetId = ensureAsset(connection, 'USD', 2);
  const baseAssetId = ensureAsset(connection, 'ABC', 0);
  const venueId = ensureVenue(connection, 'SIM', true);
  const pair = { venueId, symbol: 'ABC', kind: 'equity', baseAssetId, quoteAssetId, priceScale: 2, qtyScale: 0 };
  const instrumentId = ensureInstrument(connection, pair);
  const accountId = ensureAccount(connection, { venueId, name: 'bench', mode: 'paper' });
  const store = createOrderStore(connection);
  store.deposit({ accountId, asset: 'USD', amount: '1000000000.00' });
  store.deposit({ accountId, asset: 'ABC', amount: '1000000' });
  return { path, connection, market: { accountId, instrumentId, quoteAssetId, baseAssetId, nowUs: Date.now() * 1000 } };
}

function throughStore(audit) {
  const { connection, market } = fresh(audit ? 'store.db' : 'bare.db');
  const store = createOrderStore(connection, { audit });
  const started = performance.now();
  for (let number = 0; number < orders; number++) {
    const order = store.place({
      accountId: market.accountId,
      instrumentId: market.instrumentId,
      clientOrderId: `s-${number}`,
      side: 'buy',
      type: 'limit',
      price: 10_000,
      quantity: 5,
    });
    store.acknowledge(order.orderId, { venueOrderId: `v-${number}` });
    store.fill(order.orderId, { venueTradeId: `t-${number}`, price: 10_000, quantity: 5 });
  }
  const perSecond = orders / ((performance.now() - started) / 1000);
  connection.close();
  return perSecond;
}

async function throughKnex() {
  const { path, connection, market } = fresh('knex.db');
  connection.close();
  const client = await openPeer(path);
  const started = performance.now();
  for (let number = 0; number < orders; number++) await tradeOne(client, market, number);
  const perSecond = orders / ((performance.now() - started) / 1000);
  await client.destroy();
  return perSecond;
}

try {
  const found = { audited: [], bare: [], knex: [] };
  for (let round = 0; round < rounds; round++) {
    found.audited.push(throughStore(true));
    found.knex.push(await throughKnex());
    found.bare.push(throughStore(false));
  }
  const [audited, bare, peer] = [median(found.audited), median(found.bare), median(found.knex)];
  const rate = (value) => `${Math.round(value)} orders/s`;
  console.log(`store without audit ${rate(bare)}, knex ${rate(peer)}, ratio ${(bare / peer).toFixed(1)}`);
  console.log(`store with audit ${rate(audited)}, ${(audited / bare).toFixed(2)} of the store without`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
