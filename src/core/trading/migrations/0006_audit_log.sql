-- Reference trading schema, part 6: the hash-chained audit log.

-- migrate:up

CREATE TABLE audit_log (
  seq       INTEGER PRIMARY KEY,
  ts_us     INTEGER NOT NULL,
  actor     TEXT    NOT NULL,
  action    TEXT    NOT NULL,
  entity    TEXT    NOT NULL,
  entity_id TEXT    NOT NULL,
  payload   TEXT    NOT NULL CHECK (json_valid(payload)),
  prev_hash BLOB    NOT NULL CHECK (length(prev_hash) = 32),
  hash      BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;
-- query: the trail of one entity.
CREATE INDEX audit_entity ON audit_log (entity, entity_id, seq);
-- INSERT OR REPLACE removes the old row without firing the DELETE trigger: so a row may only come in at the next number, and must
-- name its predecessor's hash. seq is always given by the program.
CREATE TRIGGER audit_next BEFORE INSERT ON audit_log
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit_log)
  OR NEW.prev_hash IS NOT coalesce((SELECT hash FROM audit_log WHERE seq = NEW.seq - 1), zeroblob(32))
BEGIN SELECT RAISE(ABORT, 'audit_log: not the next link'); END;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit_log BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;

-- migrate:down

DROP TABLE audit_log;
