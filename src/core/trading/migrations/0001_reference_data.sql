-- Reference trading schema, part 1: assets, venues, sessions, instruments, accounts, strategies.
-- docs/trading-schema.md explains the whole and lists the rules that need more than a constraint.
--
-- Conventions
--   * Money, prices and quantities are INTEGER = value * 10^scale. Price and quantity scales belong to the
--     instrument, money scales to the asset. No REAL anywhere, no TEXT decimals.
--   * Times are UTC microseconds since 1970 in columns named *_us.
--   * Hot columns stay within +-9007199254740991 (2^53-1), so plain JavaScript numbers are exact. Ledger amounts
--     (postings, balances) may use all 64 bits: read them with safeIntegers.
--   * side is 1 (buy) or -1 (sell), so signed sums need no CASE.
--   * STRICT everywhere. INTEGER PRIMARY KEY (spelled exactly so: BIGINT is no rowid alias) for wide rows;
--     WITHOUT ROWID for narrow rows with a natural key.
--   * Foreign keys on state. None on quotes, quote_levels, ticks, candles: health rule I26 checks those.
--   * Triggers only where a constraint cannot do it: audit_log is append-only.
--   * Each index names the query it serves. An index without a query is a defect.

-- migrate:up

CREATE TABLE assets (
  asset_id INTEGER PRIMARY KEY,
  code     TEXT    NOT NULL UNIQUE,                        -- look-up by code
  scale    INTEGER NOT NULL CHECK (scale BETWEEN 0 AND 18) -- decimals of the ledger; 64 bits hold 9.2 units at 18
) STRICT;

CREATE TABLE venues (
  venue_id   INTEGER PRIMARY KEY,
  code       TEXT    NOT NULL UNIQUE,
  continuous INTEGER NOT NULL DEFAULT 1 CHECK (continuous IN (0,1)) -- 1: trades around the clock, I22 allows no gap
) STRICT;

-- Sessions of venues that close. I22 looks for candle gaps only inside one session.
CREATE TABLE trading_sessions (
  venue_id INTEGER NOT NULL REFERENCES venues,
  open_us  INTEGER NOT NULL,
  close_us INTEGER NOT NULL,
  PRIMARY KEY (venue_id, open_us),                         -- query: the session around a time
  CHECK (close_us > open_us)
) STRICT, WITHOUT ROWID;

CREATE TABLE instruments (
  instrument_id  INTEGER PRIMARY KEY,
  venue_id       INTEGER NOT NULL REFERENCES venues,
  symbol         TEXT    NOT NULL,                         -- the venue's own spelling
  kind           TEXT    NOT NULL CHECK (kind IN ('spot','equity','perp','future','option')),
  settlement     TEXT    NOT NULL CHECK (settlement IN ('delivery','margin','premium')), -- which ledger lines a fill writes
  base_asset_id  INTEGER NOT NULL REFERENCES assets,
  quote_asset_id INTEGER NOT NULL REFERENCES assets,
  price_scale    INTEGER NOT NULL CHECK (price_scale BETWEEN 0 AND 12),
  qty_scale      INTEGER NOT NULL CHECK (qty_scale BETWEEN 0 AND 12),
  tick_size      INTEGER NOT NULL CHECK (tick_size > 0),   -- in units of 10^-price_scale
  lot_size       INTEGER NOT NULL CHECK (lot_size > 0),    -- in units of 10^-qty_scale
  contract_size  INTEGER NOT NULL DEFAULT 1 CHECK (contract_size > 0),  -- base units per contract = contract_size / 10^contract_scale
  contract_scale INTEGER NOT NULL DEFAULT 0 CHECK (contract_scale BETWEEN 0 AND 12),
  status         TEXT    NOT NULL DEFAULT 'active' CHECK (status IN ('active','halted','delisted')),
  UNIQUE (venue_id, symbol, kind),                         -- query: symbol look-up. kind is in the key: one pair exists as spot and as perp
  CHECK (settlement = CASE kind WHEN 'spot' THEN 'delivery' WHEN 'equity' THEN 'delivery' WHEN 'option' THEN 'premium' ELSE 'margin' END)
) STRICT;

CREATE TABLE accounts (
  account_id INTEGER PRIMARY KEY,
  venue_id   INTEGER NOT NULL REFERENCES venues,
  name       TEXT    NOT NULL,
  mode       TEXT    NOT NULL CHECK (mode IN ('live','paper')),
  UNIQUE (venue_id, name, mode)                            -- live and paper money never share an account
) STRICT;

CREATE TABLE strategies (
  strategy_id INTEGER PRIMARY KEY,
  name        TEXT NOT NULL,
  version     TEXT NOT NULL,
  params      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(params)),
  UNIQUE (name, version)
) STRICT;

-- migrate:down

DROP TABLE strategies;
DROP TABLE accounts;
DROP TABLE instruments;
DROP TABLE trading_sessions;
DROP TABLE venues;
DROP TABLE assets;
