-- Reference trading schema, part 3: double-entry ledger, funding, corporate events.

-- migrate:up

CREATE TABLE ledger_accounts (
  ledger_account_id INTEGER PRIMARY KEY,
  account_id        INTEGER NOT NULL REFERENCES accounts,
  asset_id          INTEGER NOT NULL REFERENCES assets,
  kind              TEXT    NOT NULL CHECK (kind IN ('cash','position','trading','fee','funding','external')),
  allow_negative    INTEGER NOT NULL DEFAULT 0 CHECK (allow_negative IN (0,1)), -- 0: cash. 1: the contra kinds, and cash of
                                                           -- imported accounts until their opening balance is booked
  UNIQUE (account_id, asset_id, kind)                      -- query: the account to post to; NOT NULL because UNIQUE lets NULLs repeat
) STRICT;

CREATE TABLE funding_payments (
  funding_id    INTEGER PRIMARY KEY,
  account_id    INTEGER NOT NULL REFERENCES accounts,
  instrument_id INTEGER NOT NULL REFERENCES instruments,
  due_us        INTEGER NOT NULL,
  rate_e9       INTEGER,                                   -- funding rate * 10^9; NULL when the source kept only the amount
  amount        INTEGER NOT NULL,                          -- > 0 received
  asset_id      INTEGER NOT NULL REFERENCES assets,
  UNIQUE (account_id, instrument_id, due_us)               -- query: is this payment known; time alone would collide
) STRICT;

CREATE TABLE corporate_events (
  event_id      INTEGER PRIMARY KEY,
  instrument_id INTEGER NOT NULL REFERENCES instruments,
  kind          TEXT    NOT NULL CHECK (kind IN ('split','dividend','symbol_change','token_swap','delisting','expiry')),
  ex_us         INTEGER NOT NULL,
  ratio_num     INTEGER CHECK (ratio_num > 0),             -- new units per ...
  ratio_den     INTEGER CHECK (ratio_den > 0),             -- ... old units
  amount        INTEGER,                                   -- per whole unit, in asset_id
  asset_id      INTEGER REFERENCES assets,
  successor_id  INTEGER REFERENCES instruments,
  note          TEXT,
  UNIQUE (instrument_id, ex_us, kind),                     -- query: events of an instrument in time order
  CHECK (kind NOT IN ('split','token_swap') OR (ratio_num IS NOT NULL AND ratio_den IS NOT NULL)),
  CHECK (kind <> 'dividend' OR (amount IS NOT NULL AND asset_id IS NOT NULL))
) STRICT;

CREATE TABLE journal (
  journal_id INTEGER PRIMARY KEY,
  ts_us      INTEGER NOT NULL,
  kind       TEXT    NOT NULL CHECK (kind IN ('opening','deposit','withdrawal','fill','bust','fee','funding','corporate','adjust')),
  fill_id    INTEGER REFERENCES fills,
  funding_id INTEGER REFERENCES funding_payments,
  event_id   INTEGER REFERENCES corporate_events,
  note       TEXT,
  CHECK (kind NOT IN ('fill','bust','fee') OR fill_id IS NOT NULL),
  CHECK (kind <> 'funding' OR funding_id IS NOT NULL)
) STRICT;
-- a fill is booked once, and undone at most once. query: is it booked (I17).
CREATE UNIQUE INDEX journal_fill ON journal (fill_id, kind) WHERE fill_id IS NOT NULL;
-- a funding payment is booked once.
CREATE UNIQUE INDEX journal_funding ON journal (funding_id) WHERE funding_id IS NOT NULL;
-- query: entries of a corporate event; several accounts may have one each.
CREATE INDEX journal_event ON journal (event_id) WHERE event_id IS NOT NULL;

CREATE TABLE postings (
  journal_id        INTEGER NOT NULL REFERENCES journal,
  line              INTEGER NOT NULL CHECK (line >= 1),
  ledger_account_id INTEGER NOT NULL REFERENCES ledger_accounts,
  amount            INTEGER NOT NULL CHECK (amount <> 0),  -- 64 bits, units of the account's asset
  PRIMARY KEY (journal_id, line)
) STRICT, WITHOUT ROWID;
-- query: recompute a balance from the index alone (I15).
CREATE INDEX postings_by_account ON postings (ledger_account_id, journal_id, amount);

CREATE TABLE balances (
  ledger_account_id INTEGER PRIMARY KEY REFERENCES ledger_accounts,
  amount            INTEGER NOT NULL,                      -- 64 bits
  held              INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0)  -- reserved for open orders
) STRICT;

-- What a split, swap or dividend did to a position. Rules I11 and I29 add these to the fills.
CREATE TABLE position_adjustments (
  account_id    INTEGER NOT NULL REFERENCES accounts,
  instrument_id INTEGER NOT NULL REFERENCES instruments,
  event_id      INTEGER NOT NULL REFERENCES corporate_events,
  qty_delta     INTEGER NOT NULL,
  cost_delta    INTEGER NOT NULL,
  at_us         INTEGER NOT NULL,
  PRIMARY KEY (account_id, instrument_id, event_id)        -- query: adjustments of a position; an event adjusts it once
) STRICT, WITHOUT ROWID;

-- migrate:down

DROP TABLE position_adjustments;
DROP TABLE balances;
DROP TABLE postings;
DROP TABLE journal;
DROP TABLE corporate_events;
DROP TABLE funding_payments;
DROP TABLE ledger_accounts;
