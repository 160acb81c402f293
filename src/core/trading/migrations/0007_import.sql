-- Reference trading schema, part 7: where imported rows came from and what could not be mapped. In this database, because it
-- must commit with the rows.

-- migrate:up

CREATE TABLE import_sources (
  source_id      INTEGER PRIMARY KEY,
  system         TEXT NOT NULL,                            -- freqtrade, hummingbot, vnpy, csv, ndjson, parquet, or a mapping's name
  name           TEXT NOT NULL,                            -- given by the operator, otherwise the file name; survives a moved file
  schema_version TEXT NOT NULL,
  mapping_sha256 BLOB NOT NULL CHECK (length(mapping_sha256) = 32),
  UNIQUE (system, name)
) STRICT;

CREATE TABLE import_runs (
  run_id      INTEGER PRIMARY KEY,
  source_id   INTEGER NOT NULL REFERENCES import_sources,
  started_us  INTEGER NOT NULL,
  finished_us INTEGER,
  status      TEXT NOT NULL CHECK (status IN ('running','done','interrupted','failed')),
  report      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(report))
) STRICT;
-- query: the last run of a source.
CREATE INDEX import_runs_by_source ON import_runs (source_id, started_us);

-- One row per stream; written in the same transaction as the rows it counts, so a killed import resumes exactly.
CREATE TABLE import_progress (
  source_id INTEGER NOT NULL REFERENCES import_sources,
  stream    TEXT    NOT NULL,
  phase     TEXT    NOT NULL CHECK (phase IN ('scan','bulk','book','settle','reconcile','done')),
  last_key  TEXT    NOT NULL CHECK (json_valid(last_key)), -- source key columns of the last row taken
  rows_read INTEGER NOT NULL,
  rows_new  INTEGER NOT NULL,
  rows_held INTEGER NOT NULL,                              -- in quarantine
  PRIMARY KEY (source_id, stream)
) STRICT, WITHOUT ROWID;

-- Foreign ids of state rows (not of ticks, quotes, candles: their natural key is enough).
CREATE TABLE external_refs (
  source_id   INTEGER NOT NULL REFERENCES import_sources,
  entity      TEXT    NOT NULL,                            -- order, fill, funding, lock, ...
  external_id TEXT    NOT NULL,                            -- canonical text of the source's key
  entity_id   INTEGER NOT NULL,
  row_hash    BLOB    NOT NULL,                            -- of the source row: a second run skips what did not change
  PRIMARY KEY (source_id, entity, external_id)             -- query: is this source row known
) STRICT, WITHOUT ROWID;
-- query: the foreign id of an order or fill.
CREATE INDEX external_refs_by_entity ON external_refs (entity, entity_id);

-- Source columns that have no place in the schema. Kept, never used by rules.
CREATE TABLE external_attributes (
  source_id   INTEGER NOT NULL REFERENCES import_sources,
  entity      TEXT    NOT NULL,
  external_id TEXT    NOT NULL,
  attributes  TEXT    NOT NULL CHECK (json_valid(attributes)),
  PRIMARY KEY (source_id, entity, external_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE import_quarantine (
  quarantine_id INTEGER PRIMARY KEY,
  source_id     INTEGER NOT NULL REFERENCES import_sources,
  run_id        INTEGER NOT NULL REFERENCES import_runs,
  stream        TEXT    NOT NULL,
  external_id   TEXT    NOT NULL,
  reason        TEXT    NOT NULL,                          -- closed list in docs/trading-schema.md
  detail        TEXT,
  row           TEXT    NOT NULL CHECK (json_valid(row)),  -- the whole source row; blobs and 64-bit integers tagged
  row_hash      BLOB    NOT NULL,
  resolved_us   INTEGER,                                   -- set when a later run could map it
  UNIQUE (source_id, stream, external_id, reason)          -- the same defect is held once, however often the import runs
) STRICT;
-- query: what is still held, by reason.
CREATE INDEX import_quarantine_open ON import_quarantine (source_id, reason) WHERE resolved_us IS NULL;

-- migrate:down

DROP TABLE import_quarantine;
DROP TABLE external_attributes;
DROP TABLE external_refs;
DROP TABLE import_progress;
DROP TABLE import_runs;
DROP TABLE import_sources;
