-- Reference trading schema, part 2: the life of an order, its fills, and the position that follows from them.

-- migrate:up

-- Legal status changes, as data, so that the store and rule I07 read the same table. '' is "no order yet".
-- src/core/trading/order-state.ts holds the same list; a test compares the two. docs/trading-schema.md explains each edge.
CREATE TABLE order_status_edges (
  from_status TEXT NOT NULL,
  to_status   TEXT NOT NULL,
  exec_type   TEXT NOT NULL,                               -- the event that normally causes it (FIX ExecType 150)
  PRIMARY KEY (from_status, to_status)
) STRICT, WITHOUT ROWID;
INSERT INTO order_status_edges (from_status, to_status, exec_type) VALUES
  ('','PENDING_NEW','PENDING_NEW'), ('','NEW','NEW'), ('','REJECTED','REJECTED'),
  ('PENDING_NEW','NEW','NEW'), ('PENDING_NEW','REJECTED','REJECTED'), ('PENDING_NEW','PARTIALLY_FILLED','TRADE'),
  ('PENDING_NEW','FILLED','TRADE'), ('PENDING_NEW','CANCELED','CANCELED'), ('PENDING_NEW','EXPIRED','EXPIRED'),
  ('NEW','PARTIALLY_FILLED','TRADE'), ('NEW','FILLED','TRADE'), ('NEW','PENDING_CANCEL','PENDING_CANCEL'),
  ('NEW','PENDING_REPLACE','PENDING_REPLACE'), ('NEW','CANCELED','CANCELED'), ('NEW','EXPIRED','EXPIRED'),
  ('NEW','REPLACED','REPLACED'), ('NEW','REJECTED','REJECTED'), ('NEW','SUSPENDED','SUSPENDED'),
  ('PARTIALLY_FILLED','PARTIALLY_FILLED','TRADE'), ('PARTIALLY_FILLED','FILLED','TRADE'),
  ('PARTIALLY_FILLED','PENDING_CANCEL','PENDING_CANCEL'), ('PARTIALLY_FILLED','PENDING_REPLACE','PENDING_REPLACE'),
  ('PARTIALLY_FILLED','CANCELED','CANCELED'), ('PARTIALLY_FILLED','EXPIRED','EXPIRED'),
  ('PARTIALLY_FILLED','REPLACED','REPLACED'), ('PARTIALLY_FILLED','SUSPENDED','SUSPENDED'),
  ('PARTIALLY_FILLED','NEW','TRADE_CANCEL'),
  ('PENDING_CANCEL','PENDING_CANCEL','TRADE'), ('PENDING_CANCEL','PARTIALLY_FILLED','CANCEL_REJECT'),
  ('PENDING_CANCEL','NEW','CANCEL_REJECT'), ('PENDING_CANCEL','FILLED','TRADE'), ('PENDING_CANCEL','CANCELED','CANCELED'),
  ('PENDING_CANCEL','EXPIRED','EXPIRED'),
  ('PENDING_REPLACE','REPLACED','REPLACED'), ('PENDING_REPLACE','PARTIALLY_FILLED','TRADE'),
  ('PENDING_REPLACE','NEW','CANCEL_REJECT'), ('PENDING_REPLACE','FILLED','TRADE'),
  ('PENDING_REPLACE','PENDING_CANCEL','PENDING_CANCEL'), ('PENDING_REPLACE','CANCELED','CANCELED'),
  ('PENDING_REPLACE','EXPIRED','EXPIRED'),
  ('SUSPENDED','NEW','RESTATED'), ('SUSPENDED','PARTIALLY_FILLED','RESTATED'), ('SUSPENDED','CANCELED','CANCELED'),
  ('SUSPENDED','EXPIRED','EXPIRED'),
  ('FILLED','PARTIALLY_FILLED','TRADE_CANCEL'), ('FILLED','CANCELED','TRADE_CANCEL'),
  ('CANCELED','CANCELED','TRADE'),
  ('EXPIRED','EXPIRED','TRADE');

CREATE TABLE orders (
  order_id          INTEGER PRIMARY KEY,
  account_id        INTEGER NOT NULL REFERENCES accounts,
  instrument_id     INTEGER NOT NULL REFERENCES instruments,
  strategy_id       INTEGER REFERENCES strategies,
  client_order_id   TEXT    NOT NULL,                      -- FIX ClOrdID 11
  venue_order_id    TEXT,                                  -- FIX OrderID 37; unique per account and instrument only
  parent_order_id   INTEGER REFERENCES orders,             -- bracket, slice of a larger order
  replaces_order_id INTEGER REFERENCES orders,             -- FIX OrigClOrdID 41
  side              INTEGER NOT NULL CHECK (side IN (1,-1)),
  type              TEXT    NOT NULL CHECK (type IN ('market','limit','stop','stop_limit')),
  tif               TEXT    NOT NULL DEFAULT 'GTC' CHECK (tif IN ('GTC','IOC','FOK','DAY','GTD')),
  post_only         INTEGER NOT NULL DEFAULT 0 CHECK (post_only IN (0,1)),
  reduce_only       INTEGER NOT NULL DEFAULT 0 CHECK (reduce_only IN (0,1)),
  price             INTEGER CHECK (price BETWEEN 1 AND 9007199254740991),
  stop_price        INTEGER CHECK (stop_price BETWEEN 1 AND 9007199254740991),
  qty               INTEGER NOT NULL CHECK (qty BETWEEN 1 AND 9007199254740991),
  filled_qty        INTEGER NOT NULL DEFAULT 0,
  filled_notional   INTEGER NOT NULL DEFAULT 0 CHECK (filled_notional BETWEEN 0 AND 9007199254740991),
  status            TEXT    NOT NULL CHECK (status IN ('PENDING_NEW','NEW','PARTIALLY_FILLED','FILLED','PENDING_CANCEL',
                            'PENDING_REPLACE','CANCELED','REPLACED','REJECTED','EXPIRED','SUSPENDED')),
  expire_us         INTEGER,
  created_us        INTEGER NOT NULL CHECK (created_us BETWEEN 946684800000000 AND 4102444800000000), -- 2000..2100: a wrong unit cannot enter
  updated_us        INTEGER NOT NULL,
  is_open           INTEGER NOT NULL GENERATED ALWAYS AS
                    (status IN ('PENDING_NEW','NEW','PARTIALLY_FILLED','PENDING_CANCEL','PENDING_REPLACE','SUSPENDED')) VIRTUAL,
  leaves_qty        INTEGER GENERATED ALWAYS AS
                    (CASE WHEN status IN ('PENDING_NEW','NEW','PARTIALLY_FILLED','PENDING_CANCEL','PENDING_REPLACE','SUSPENDED')
                     THEN qty - filled_qty ELSE 0 END) VIRTUAL,                                       -- FIX LeavesQty 151
  CHECK (filled_qty BETWEEN 0 AND qty),
  CHECK (status <> 'FILLED' OR filled_qty = qty),
  CHECK (updated_us >= created_us),
  CHECK (type IN ('market','stop') OR price IS NOT NULL),
  CHECK (type NOT IN ('stop','stop_limit') OR stop_price IS NOT NULL),
  CHECK (tif <> 'GTD' OR expire_us IS NOT NULL),
  UNIQUE (account_id, client_order_id)                     -- query: cancel by client id; makes submitting idempotent
) STRICT;

-- query: find the order of a venue report (account, instrument, venue order id).
CREATE UNIQUE INDEX orders_venue_id ON orders (account_id, instrument_id, venue_order_id) WHERE venue_order_id IS NOT NULL;
-- query: history page of an account, newest first, keyset on created_us.
CREATE INDEX orders_by_account ON orders (account_id, created_us);
-- query: history page of an instrument.
CREATE INDEX orders_by_instrument ON orders (instrument_id, created_us);
-- query: children of an order; without it each DELETE of an archived order scans the table for its foreign key.
CREATE INDEX orders_by_parent ON orders (parent_order_id) WHERE parent_order_id IS NOT NULL;
-- query: the order that replaced this one; same reason.
CREATE INDEX orders_by_replaced ON orders (replaces_order_id) WHERE replaces_order_id IS NOT NULL;
-- query: open orders of an account; own book of an instrument, best price first; stale orders (I27).
-- Created last on purpose: without sqlite_stat1 the planner breaks ties by creation order.
-- The query must say is_open = 1; status = 'NEW' alone never uses it.
CREATE INDEX orders_open ON orders (account_id, instrument_id, side, price) WHERE is_open = 1;

CREATE TABLE order_events (
  order_id    INTEGER NOT NULL REFERENCES orders,
  seq         INTEGER NOT NULL CHECK (seq >= 1),
  exec_type   TEXT    NOT NULL CHECK (exec_type IN ('PENDING_NEW','NEW','TRADE','TRADE_CORRECT','TRADE_CANCEL','PENDING_CANCEL','CANCELED',
                      'CANCEL_REJECT','PENDING_REPLACE','REPLACED','REJECTED','EXPIRED','SUSPENDED','TRIGGERED','RESTATED','ORDER_STATUS')),
  from_status TEXT,                                        -- NULL for the first event
  to_status   TEXT    NOT NULL,
  cum_qty     INTEGER NOT NULL,                            -- FIX CumQty 14 after the event
  event_us    INTEGER NOT NULL,                            -- FIX TransactTime 60
  recv_us     INTEGER NOT NULL,
  note        TEXT,
  PRIMARY KEY (order_id, seq)                              -- query: the life of an order
) STRICT, WITHOUT ROWID;

CREATE TABLE fills (
  fill_id        INTEGER PRIMARY KEY,
  order_id       INTEGER NOT NULL REFERENCES orders,
  account_id     INTEGER NOT NULL REFERENCES accounts,     -- repeated from the order for the two range indexes; I04 compares
  instrument_id  INTEGER NOT NULL REFERENCES instruments,
  venue_trade_id TEXT    NOT NULL,                         -- FIX ExecID 17
  side           INTEGER NOT NULL CHECK (side IN (1,-1)),
  price          INTEGER NOT NULL CHECK (price BETWEEN 1 AND 9007199254740991),   -- FIX LastPx 31
  qty            INTEGER NOT NULL CHECK (qty BETWEEN 1 AND 9007199254740991),     -- FIX LastQty 32
  notional       INTEGER NOT NULL CHECK (notional BETWEEN 0 AND 9007199254740991),-- quote units, by the program; a generated column overflows
  realized       INTEGER NOT NULL DEFAULT 0,               -- profit this fill realized, quote units, before fees
  fee            INTEGER NOT NULL DEFAULT 0,               -- > 0 paid, < 0 rebate, units of fee_asset
  fee_asset_id   INTEGER REFERENCES assets,
  liquidity      TEXT    CHECK (liquidity IN ('M','T')),
  exec_us        INTEGER NOT NULL,
  recv_us        INTEGER NOT NULL,
  synthetic      INTEGER NOT NULL DEFAULT 0 CHECK (synthetic IN (0,1)), -- built from order totals: the source stored no fills
  busted         INTEGER NOT NULL DEFAULT 0 CHECK (busted IN (0,1)),
  UNIQUE (account_id, instrument_id, venue_trade_id, order_id), -- query: is this fill known. order_id: a self-trade has one id on two orders
  CHECK (fee = 0 OR fee_asset_id IS NOT NULL)
) STRICT;
-- query: fills of an order.
CREATE INDEX fills_by_order ON fills (order_id);
-- query: profit and volume of an account and instrument over a time window.
CREATE INDEX fills_by_time ON fills (account_id, instrument_id, exec_us);
-- query: archive in time order; daily reports over all accounts.
CREATE INDEX fills_exec ON fills (exec_us);

CREATE TABLE positions (
  account_id    INTEGER NOT NULL REFERENCES accounts,
  instrument_id INTEGER NOT NULL REFERENCES instruments,
  qty           INTEGER NOT NULL,                          -- signed
  cost          INTEGER NOT NULL,                          -- signed quote units of what is open; average price = cost / qty, never stored
  realized      INTEGER NOT NULL,                          -- quote units, before fees
  last_fill_id  INTEGER REFERENCES fills,
  updated_us    INTEGER NOT NULL,
  PRIMARY KEY (account_id, instrument_id),                 -- query: positions of an account
  CHECK (qty <> 0 OR cost = 0)
) STRICT, WITHOUT ROWID;

-- migrate:down

DROP TABLE positions;
DROP TABLE fills;
DROP TABLE order_events;
DROP TABLE orders;
DROP TABLE order_status_edges;
