// Writes into a file of freqtrade (F9) as the bot does: opens a trade, fills its order in two steps, moves the stop, sells,
// closes. One transaction each. Ends when stdin does and tells commits, errors, and the longest commit.
//   node trading-bot.mjs <file>
import Database from 'better-sqlite3';

const db = new Database(process.argv[2], { timeout: 5000 });
db.pragma('foreign_keys = OFF');
const told = { commits: 0, trades: 0, errors: [], longestMs: 0 };
const fee = 0.001;
const pair = 'LTC/USDT';
let ms = Date.UTC(2025, 0, 1);
let isEnding = false;
process.stdin.on('end', () => {
  isEnding = true;
});
process.stdin.resume();

const now = () => {
  ms += 1000;
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}.000000`;
};
const last = (table) => db.prepare(`SELECT coalesce(max(id), 0) AS id FROM ${table}`).get().id;
const insert = (table, row) => {
  const names = Object.keys(row);
  db.prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((name) => `@${name}`).join(', ')})`).run(
    row,
  );
};

function commit(work) {
  const started = performance.now();
  try {
    db.transaction(work).immediate();
    told.commits += 1;
  } catch (error) {
    told.errors.push(String(error));
  }
  told.longestMs = Math.max(told.longestMs, performance.now() - started);
}

function order(id, trade, side, price, amount) {
  insert('orders', {
    id,
    ft_trade_id: trade,
    ft_order_side: side,
    ft_pair: pair,
    ft_is_open: 1,
    ft_amount: amount,
    ft_price: price,
    order_id: `bot${id}`,
    status: 'open',
    symbol: pair,
    order_type: 'limit',
    side,
    price,
    amount,
    filled: 0,
    remaining: amount,
    cost: 0,
    order_date: now(),
    order_update_date: now(),
  });
}

function fill(id, price, filled, amount) {
  const isDone = filled === amount;
  db.prepare(
    `UPDATE orders SET filled = ?, remaining = ?, cost = ?, average = ?, status = ?, ft_is_open = ?, order_filled_date = ?,
       order_update_date = ? WHERE id = ?`,
  ).run(filled, amount - filled, price * filled, price, isDone ? 'closed' : 'open', isDone ? 0 : 1, now(), now(), id);
}

/** The steps of one trade; each is a transaction. */
function* steps(number) {
  const trade = last('trades') + 1;
  const buy = last('orders') + 1;
  const price = (8000 + (number % 700)) / 100;
  const amount = (100 + (number % 50) * 2) / 100;
  yield () => {
    insert('trades', {
      id: trade,
      exchange: 'binance',
      pair,
      base_currency: 'LTC',
      stake_currency: 'USDT',
      is_open: 1,
      fee_open: fee,
      fee_close: fee,
      open_rate: price,
      stake_amount: price * amount,
      amount: 0,
      open_date: now(),
      strategy: 'Live',
      trading_mode: 'SPOT',
      is_short: 0,
      funding_fees: 0,
    });
    order(buy, trade, 'buy', price, amount);
  };
  if (number % 5 === 4) {
    yield () => {
      db.prepare("UPDATE orders SET status = 'canceled', ft_is_open = 0, order_update_date = ? WHERE id = ?").run(
        now(),
        buy,
      );
      db.prepare('UPDATE trades SET is_open = 0, close_date = ? WHERE id = ?').run(now(), trade);
    };
    return;
  }
  yield () => {
    fill(buy, price, amount / 2, amount);
    db.prepare('UPDATE trades SET amount = ? WHERE id = ?').run(amount / 2, trade);
  };
  yield () => {
    fill(buy, price, amount, amount);
    db.prepare('UPDATE trades SET amount = ? WHERE id = ?').run(amount, trade);
  };
  yield () => db.prepare('UPDATE trades SET stop_loss = ?, max_rate = ? WHERE id = ?').run(price * 0.95, price, trade);
  const exit = (8000 + ((number * 37) % 900)) / 100;
  yield () => order(buy + 1, trade, 'sell', exit, amount);
  yield () => {
    fill(buy + 1, exit, amount, amount);
    const profit = exit * amount * (1 - fee) - price * amount * (1 + fee);
    db.prepare(
      'UPDATE trades SET is_open = 0, close_rate = ?, close_date = ?, close_profit_abs = ?, realized_profit = ? WHERE id = ?',
    ).run(exit, now(), profit, profit, trade);
  };
}

process.stdout.write('ready\n');
for (let number = 0; !isEnding; number += 1) {
  for (const step of steps(number)) {
    commit(step);
    await new Promise((resolve) => setTimeout(resolve, 5));
    // A few trades are left as they are: open, with part of their orders filled.
    if (isEnding) break;
  }
  told.trades += 1;
}
db.close();
process.stdout.write(JSON.stringify(told));
