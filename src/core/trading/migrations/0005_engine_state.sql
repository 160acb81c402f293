-- Reference trading schema, part 5: what an engine must find again after a restart.

-- migrate:up

CREATE TABLE trading_locks (
  lock_id       INTEGER PRIMARY KEY,
  account_id    INTEGER NOT NULL REFERENCES accounts,
  instrument_id INTEGER REFERENCES instruments,            -- NULL: every instrument
  side          INTEGER CHECK (side IN (1,-1)),            -- NULL: both
  reason        TEXT,
  from_us       INTEGER NOT NULL,
  until_us      INTEGER NOT NULL,
  active        INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0,1))
) STRICT;
-- query: locks of an account that still hold.
CREATE INDEX trading_locks_active ON trading_locks (account_id, until_us) WHERE active = 1;

CREATE TABLE engine_state (
  scope      TEXT    NOT NULL,                             -- engine, strategy, order, ...
  scope_id   TEXT    NOT NULL DEFAULT '',
  key        TEXT    NOT NULL,
  value      TEXT    NOT NULL CHECK (json_valid(value)),
  updated_us INTEGER NOT NULL,
  PRIMARY KEY (scope, scope_id, key)
) STRICT, WITHOUT ROWID;

-- migrate:down

DROP TABLE engine_state;
DROP TABLE trading_locks;
