import Database from 'better-sqlite3';

/** Small, consistent files as three trading programs leave them. A test then breaks one thing by `damage`. */

const freqtrade = `
CREATE TABLE trades (id INTEGER PRIMARY KEY, exchange VARCHAR(25), pair VARCHAR(25), is_open BOOLEAN, fee_open FLOAT, fee_close FLOAT,
  open_rate FLOAT, close_rate FLOAT, amount FLOAT, stake_amount FLOAT, open_date DATETIME, close_date DATETIME, close_profit FLOAT,
  close_profit_abs FLOAT, is_short BOOLEAN, trading_mode VARCHAR(7), amount_precision FLOAT, price_precision FLOAT,
  precision_mode INTEGER, funding_fees FLOAT);
CREATE INDEX ix_trades_pair ON trades (pair);
CREATE TABLE orders (id INTEGER PRIMARY KEY, ft_trade_id INTEGER REFERENCES trades (id), ft_order_side VARCHAR(25), ft_pair VARCHAR(25),
  ft_is_open BOOLEAN, order_id VARCHAR(255), status VARCHAR(255), order_type VARCHAR(50), side VARCHAR(25), price FLOAT, average FLOAT,
  amount FLOAT, filled FLOAT, remaining FLOAT, cost FLOAT, order_date DATETIME, order_filled_date DATETIME, order_update_date DATETIME,
  ft_fee_base FLOAT, UNIQUE (ft_pair, order_id));
CREATE INDEX ix_orders_ft_trade_id ON orders (ft_trade_id);
CREATE TABLE pairlocks (id INTEGER PRIMARY KEY, pair VARCHAR(25), lock_time DATETIME, lock_end_time DATETIME, active BOOLEAN);
CREATE TABLE trade_custom_data (id INTEGER PRIMARY KEY, ft_trade_id INTEGER REFERENCES trades (id), cd_key VARCHAR(255), cd_value TEXT);
CREATE INDEX ix_trade_custom_data_ft_trade_id ON trade_custom_data (ft_trade_id);
INSERT INTO trades VALUES
  (1, 'binance', 'BTC/USDT', 0, 0.001, 0.001, 100, 110, 0.3, 30, '2024-01-01 00:00:00.000000', '2024-01-02 00:00:00.000000',
   0.098, 2.937, 0, 'SPOT', 8, 2, 2, 0),
  (2, 'binance', 'ETH/USDT', 1, 0.001, 0.001, 20, NULL, 1.5, 30, '2024-01-03 00:00:00.000000', NULL, NULL, NULL, 0, 'SPOT', 2, 2, 2, 0);
INSERT INTO orders VALUES
  (1, 1, 'buy', 'BTC/USDT', 0, 'a1', 'closed', 'limit', 'buy', 100, 100, 0.1, 0.1, 0, 10,
   '2024-01-01 00:00:00.000000', '2024-01-01 00:00:01.000000', '2024-01-01 00:00:01.000000', NULL),
  (2, 1, 'buy', 'BTC/USDT', 0, 'a2', 'closed', 'limit', 'buy', 100, 100, 0.2, 0.2, 0, 20,
   '2024-01-01 01:00:00.000000', '2024-01-01 01:00:01.000000', '2024-01-01 01:00:01.000000', NULL),
  (3, 1, 'sell', 'BTC/USDT', 0, 'a3', 'closed', 'limit', 'sell', 110, 110, 0.3, 0.3, 0, 33,
   '2024-01-02 00:00:00.000000', '2024-01-02 00:00:00.000000', '2024-01-02 00:00:00.000000', NULL),
  (4, 2, 'buy', 'ETH/USDT', 0, 'b1', 'closed', 'limit', 'buy', 20, 20, 1.5, 1.5, 0, 30,
   '2024-01-03 00:00:00.000000', '2024-01-03 00:00:00.000000', '2024-01-03 00:00:00.000000', NULL),
  (5, 2, 'sell', 'ETH/USDT', 1, 'b2', 'open', 'limit', 'sell', 25, NULL, 1.5, 0, 1.5, 0,
   '2024-01-04 00:00:00.000000', NULL, '2024-01-04 00:00:00.000000', NULL);
INSERT INTO trade_custom_data VALUES (1, 1, 'k', '1');`;

const hummingbot = `
CREATE TABLE Metadata (key TEXT PRIMARY KEY, value TEXT);
INSERT INTO Metadata VALUES ('local_db_version', '20230516');
CREATE TABLE "Order" (id TEXT PRIMARY KEY, config_file_path TEXT, strategy TEXT, market TEXT, symbol TEXT, creation_timestamp BIGINT,
  order_type TEXT, amount BIGINT, leverage INTEGER, price BIGINT, last_status TEXT, last_update_timestamp BIGINT, exchange_order_id TEXT);
CREATE INDEX o_config ON "Order" (config_file_path, creation_timestamp);
CREATE TABLE OrderStatus (id INTEGER PRIMARY KEY, order_id TEXT REFERENCES "Order" (id), timestamp BIGINT, status TEXT);
CREATE INDEX os_order_id_timestamp_index ON OrderStatus (order_id, timestamp);
CREATE TABLE TradeFill (config_file_path TEXT, market TEXT, symbol TEXT, timestamp BIGINT, order_id TEXT REFERENCES "Order" (id), trade_type TEXT, price BIGINT,
  amount BIGINT, leverage INTEGER, trade_fee JSON, trade_fee_in_quote BIGINT, exchange_trade_id TEXT, PRIMARY KEY (market, order_id, exchange_trade_id));
CREATE TABLE MarketState (id INTEGER PRIMARY KEY, config_file_path TEXT, market TEXT, timestamp BIGINT, saved_state JSON);
CREATE TABLE MarketData (timestamp BIGINT PRIMARY KEY, exchange TEXT, order_book JSON);
CREATE TABLE FundingPayment (timestamp BIGINT PRIMARY KEY, market TEXT, rate FLOAT, amount FLOAT);
INSERT INTO "Order" VALUES
  ('one', 'c', 's', 'binance', 'BTC-USDT', 1700000000000, 'LIMIT', 2000000, 1, 100000000, 'BuyOrderCompleted', 1700000002000, 'x1'),
  ('two', 'c', 's', 'binance', 'BTC-USDT', 1700000000000, 'LIMIT', 2000000, 1, 100000000, 'OrderCancelled', 1700000003000, 'x2');
INSERT INTO OrderStatus VALUES (1, 'one', 1700000000000, 'BuyOrderCreated'), (2, 'one', 1700000001000, 'OrderFilled'),
  (3, 'one', 1700000002000, 'BuyOrderCompleted'), (4, 'two', 1700000000000, 'BuyOrderCreated'), (5, 'two', 1700000003000, 'OrderCancelled');
INSERT INTO TradeFill VALUES
  ('c', 'binance', 'BTC-USDT', 1700000001000, 'one', 'BUY', 100000000, 1500000, 1, '{"flat_fees": []}', 0, 't1'),
  ('c', 'binance', 'BTC-USDT', 1700000001500, 'one', 'BUY', 99000000, 500000, 1, '{"flat_fees": []}', 0, 't2');
INSERT INTO MarketState VALUES (1, 'c', 'binance', 1700000000000, '{}');
INSERT INTO MarketData VALUES (1700000000000000000, 'binance', '{}');
INSERT INTO FundingPayment VALUES (1700000000000, 'binance', 0.0001, 1.5);`;

const bar = (minute: string, volume = 5): string =>
  `('rb2410', 'SHFE', '2024-01-05 09:${minute}:00', '1m', ${volume}, 0, 0, 10.1, 10.3, 10.0, 10.2)`;
const tick = (second: string, volume: number): string =>
  `('rb2410', 'SHFE', '2024-01-05 09:00:${second}.500000', ${volume}, 1, 10.1, 10.0, 10.2)`;

const vnpy = `
CREATE TABLE dbbardata (id INTEGER PRIMARY KEY, symbol TEXT, exchange TEXT, datetime DATETIME, interval TEXT, volume REAL, turnover REAL,
  open_interest REAL, open_price REAL, high_price REAL, low_price REAL, close_price REAL);
CREATE UNIQUE INDEX dbbardata_key ON dbbardata (symbol, exchange, interval, datetime);
CREATE TABLE dbtickdata (id INTEGER PRIMARY KEY, symbol TEXT, exchange TEXT, datetime DATETIME, volume REAL, last_volume REAL, last_price REAL,
  bid_price_1 REAL, ask_price_1 REAL);
CREATE UNIQUE INDEX dbtickdata_key ON dbtickdata (symbol, exchange, datetime);
CREATE TABLE dbbaroverview (id INTEGER PRIMARY KEY, symbol TEXT, exchange TEXT, interval TEXT, count INTEGER, start DATETIME, "end" DATETIME);
CREATE TABLE dbtickoverview (id INTEGER PRIMARY KEY, symbol TEXT, exchange TEXT, count INTEGER, start DATETIME, "end" DATETIME);
INSERT INTO dbbardata (symbol, exchange, datetime, interval, volume, turnover, open_interest, open_price, high_price, low_price, close_price)
  VALUES ${bar('00')}, ${bar('01')}, ${bar('02')};
INSERT INTO dbtickdata (symbol, exchange, datetime, volume, last_volume, last_price, bid_price_1, ask_price_1)
  VALUES ${tick('00', 10)}, ${tick('01', 11)}, ${tick('02', 12)};
INSERT INTO dbbaroverview VALUES (1, 'rb2410', 'SHFE', '1m', 3, '2024-01-05 09:00:00', '2024-01-05 09:02:00');
INSERT INTO dbtickoverview VALUES (1, 'rb2410', 'SHFE', 3, '2024-01-05 09:00:00.500000', '2024-01-05 09:00:02.500000');`;

const files = { freqtrade, hummingbot, vnpy };

/** Writes the file of a program in rollback mode, foreign keys unenforced as those programs leave them. */
export function writeBotFile(path: string, program: keyof typeof files, damage = ''): void {
  const db = new Database(path);
  db.pragma('foreign_keys = 0');
  db.exec(files[program]);
  db.exec(damage);
  db.close();
}
