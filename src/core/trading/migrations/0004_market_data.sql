-- Reference trading schema, part 4: quotes, ticks, candles. No foreign keys here: health rule I26 checks them.

-- migrate:up

CREATE TABLE quotes (
  instrument_id INTEGER NOT NULL,
  ts_us         INTEGER NOT NULL,
  seq           INTEGER NOT NULL,                          -- order within one microsecond; venue nanoseconds go here or into text
  bid_px        INTEGER,
  bid_qty       INTEGER,
  ask_px        INTEGER,
  ask_qty       INTEGER,
  PRIMARY KEY (instrument_id, ts_us, seq)                  -- query: last quote, read backwards; a window
) STRICT, WITHOUT ROWID;

-- Levels 2 and deeper; written only where the source has them.
CREATE TABLE quote_levels (
  instrument_id INTEGER NOT NULL,
  ts_us         INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  level         INTEGER NOT NULL CHECK (level >= 2),
  bid_px        INTEGER,
  bid_qty       INTEGER,
  ask_px        INTEGER,
  ask_qty       INTEGER,
  PRIMARY KEY (instrument_id, ts_us, seq, level)
) STRICT, WITHOUT ROWID;

CREATE TABLE ticks (
  instrument_id  INTEGER NOT NULL,
  ts_us          INTEGER NOT NULL,
  seq            INTEGER NOT NULL,
  price          INTEGER NOT NULL,
  qty            INTEGER NOT NULL,
  taker_side     INTEGER CHECK (taker_side IN (1,-1)),
  venue_trade_id TEXT,
  PRIMARY KEY (instrument_id, ts_us, seq)                  -- query: a window; candles are built from it
) STRICT, WITHOUT ROWID;

CREATE TABLE candles (
  instrument_id INTEGER NOT NULL,
  interval_s    INTEGER NOT NULL CHECK (interval_s > 0),
  open_us       INTEGER NOT NULL,
  open          INTEGER NOT NULL,
  high          INTEGER NOT NULL,
  low           INTEGER NOT NULL,
  close         INTEGER NOT NULL,
  volume        INTEGER NOT NULL CHECK (volume >= 0),      -- quantity units
  trades        INTEGER,
  closed        INTEGER NOT NULL DEFAULT 1 CHECK (closed IN (0,1)),
  quote_volume  INTEGER,                                   -- turnover, quote units
  open_interest INTEGER,
  PRIMARY KEY (instrument_id, interval_s, open_us),        -- query: a range. No index on time alone
  CHECK (low <= open AND low <= close AND high >= open AND high >= close AND low > 0),
  -- Daily and longer bars carry their trading date at 00:00 UTC. Intraday bars align to at most 15 minutes, because local
  -- sessions of venues whose zone is off by 30 or 45 minutes open hour bars there.
  CHECK (open_us % (1000000 * CASE WHEN interval_s >= 86400 THEN 86400 WHEN interval_s > 900 THEN 900 ELSE interval_s END) = 0)
) STRICT, WITHOUT ROWID;

-- migrate:down

DROP TABLE candles;
DROP TABLE ticks;
DROP TABLE quote_levels;
DROP TABLE quotes;
