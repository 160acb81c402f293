import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { walkWholeAudit } from '../../../src/core/trading/audit/walk.ts';
import { applyReferenceSchema } from '../../../src/core/trading/reference-schema.ts';
import { appendAudit, dropAuditTriggers } from '../../support/audit-log.ts';
import { testPorts } from '../../support/context.ts';

// A lone surrogate cannot be stored in UTF-8: SQLite would give back another text.
const text = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom('"', '\\', '\n', '\u0001', '\u007f', '\u2028', '🙂', '/'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    maxLength: 30,
  })
  .filter((value) => value.isWellFormed());
const entry = fc.record({ actor: text, entityId: text, payload: fc.json() });

test("any text: the hash of the store is the walk's, and any change of any row is found at its place", () => {
  const connection = openMemory(testPorts);
  applyReferenceSchema(connection);
  connection.exec(dropAuditTriggers);
  fc.assert(
    fc.property(
      fc.array(entry, { minLength: 1, maxLength: 60 }),
      fc.nat(),
      fc.constantFrom('actor', 'action', 'entity', 'entity_id', 'payload'),
      (entries, pick, column) => {
        connection.exec('DELETE FROM audit_log');
        appendAudit(connection, entries);
        expect(walkWholeAudit(connection)).toMatchObject({ rows: entries.length, broken: undefined });
        const seq = (pick % entries.length) + 1;
        // A blank behind keeps a payload valid.
        connection.exec(`UPDATE audit_log SET ${column} = ${column} || ' ' WHERE seq = ${seq}`);
        expect(walkWholeAudit(connection)).toMatchObject({ rows: seq - 1, broken: { seq, kind: 'changed' } });
      },
    ),
    { numRuns: 60 },
  );
});
