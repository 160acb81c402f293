// A file as freqtrade leaves it, in miniature: rollback journal, text dates, foreign keys that nobody enforces.
import Database from 'better-sqlite3';

const db = new Database(process.argv[2]);
db.exec(`
CREATE TABLE trades (id INTEGER NOT NULL, exchange VARCHAR(25) NOT NULL, pair VARCHAR(25) NOT NULL,
  is_open BOOLEAN NOT NULL, fee_open FLOAT NOT NULL, open_rate FLOAT, close_rate FLOAT, amount FLOAT,
  open_date DATETIME NOT NULL, close_date DATETIME, PRIMARY KEY (id));
CREATE TABLE orders (id INTEGER NOT NULL, ft_trade_id INTEGER NOT NULL, ft_order_side VARCHAR(25) NOT NULL,
  order_id VARCHAR(255) NOT NULL, status VARCHAR(255), price FLOAT, PRIMARY KEY (id),
  FOREIGN KEY (ft_trade_id) REFERENCES trades (id));
CREATE INDEX ix_trades_pair ON trades (pair);
CREATE INDEX ix_orders_ft_trade_id ON orders (ft_trade_id);
`);
const trade = db.prepare(
  "INSERT INTO trades VALUES (?, 'paper', 'BTC/USDT', 0, 0.001, 100, 101, 2, '2026-01-01 00:00:00', NULL)",
);
const order = db.prepare("INSERT INTO orders VALUES (?, ?, 'buy', ?, 'closed', 100)");
db.transaction(() => {
  for (let id = 1; id <= 500; id += 1) {
    trade.run(id);
    order.run(id, id, `o-${id}`);
  }
})();
db.close();
