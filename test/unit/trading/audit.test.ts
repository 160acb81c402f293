import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Connection, openMemory } from '../../../src/core/sqlite/connection.ts';
import type { Anchor, NotedAnchor } from '../../../src/core/trading/audit/anchor.ts';
import { appendAnchor, readAnchors } from '../../../src/core/trading/audit/anchor-file.ts';
import { auditHead } from '../../../src/core/trading/audit/head.ts';
import { verifyAudit } from '../../../src/core/trading/audit/verify.ts';
import { auditFindings } from '../../../src/core/trading/audit/verify-findings.ts';
import { walkWholeAudit } from '../../../src/core/trading/audit/walk.ts';
import { applyReferenceSchema } from '../../../src/core/trading/reference-schema.ts';
import { appendAudit, dropAuditTriggers, rewriteAudit, rowsOfAudit } from '../../support/audit-log.ts';
import { testContext, testPorts } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const rows = 2500;
const place = { host: 'here', database: '/data/trading.db' };
let connection: Connection;

beforeEach(() => {
  connection = openMemory(testPorts);
  applyReferenceSchema(connection);
  appendAudit(connection, rowsOfAudit(rows));
});

function anchorOfNow(parts: Partial<Anchor> = {}): NotedAnchor {
  const head = auditHead(connection);
  if (head === undefined) throw new Error('the log is empty');
  return { anchor: { at: '2026-01-02T00:00:00.000Z', ...place, ...head, by: 'test', ...parts }, place: 'line 1' };
}

function verify(anchors: readonly NotedAnchor[] = [], sinceAnchor = false) {
  const sources = [{ source: 'anchors', kind: 'file', unreadable: [], anchors } as const];
  return verifyAudit(connection, { ...place, sources, sinceAnchor }, testContext());
}

describe('the walk', () => {
  test('proves every row of a whole log, in batches, whatever the size of the rows', () => {
    expect(walkWholeAudit(connection)).toMatchObject({ rows, broken: undefined, head: { seq: rows } });
    appendAudit(connection, [{ payload: JSON.stringify('y'.repeat(3_000_000)) }, ...rowsOfAudit(5)]);
    expect(walkWholeAudit(connection)).toMatchObject({ rows: rows + 6, broken: undefined });
    expect(walkWholeAudit(connection, { through: 40 })).toMatchObject({ rows: 40, head: { seq: 40 } });
  });

  test('is the same in a database of UTF-16', () => {
    const wide = openMemory(testPorts);
    wide.exec("PRAGMA encoding = 'UTF-16le'");
    applyReferenceSchema(wide);
    appendAudit(wide, [{ actor: 'Zoë 🙂', payload: '{"a":"\\n é"}' }, ...rowsOfAudit(50)]);
    expect(walkWholeAudit(wide)).toMatchObject({ rows: 51, broken: undefined });
    wide.exec(`${dropAuditTriggers} UPDATE audit_log SET actor = 'Zoe' WHERE seq = 1`);
    expect(walkWholeAudit(wide).broken?.message).toBe('audit row 1 was changed');
  });

  test.each([
    [
      'edit of a payload',
      'UPDATE audit_log SET payload = \'{"x":1}\' WHERE seq = 1700',
      1700,
      'audit row 1700 was changed',
    ],
    ['edit of a time', 'UPDATE audit_log SET ts_us = ts_us + 1 WHERE seq = 1', 1, 'audit row 1 was changed'],
    ['edit of the last row', "UPDATE audit_log SET actor = 'x' WHERE seq = 2500", 2500, 'audit row 2500 was changed'],
    ['delete', 'DELETE FROM audit_log WHERE seq BETWEEN 900 AND 910', 900, 'audit row 900 is missing'],
    ['delete of the first', 'DELETE FROM audit_log WHERE seq = 1', 1, 'audit row 1 is missing'],
    [
      'insert behind the end',
      "INSERT INTO audit_log SELECT seq + 1, ts_us, 'x', action, entity, entity_id, payload, hash, randomblob(32) FROM audit_log WHERE seq = 2500",
      2501,
      'audit row 2501 was changed',
    ],
    [
      'insert before the first',
      "INSERT INTO audit_log SELECT -7, ts_us, 'x', action, entity, entity_id, payload, zeroblob(32), randomblob(32) FROM audit_log WHERE seq = 1",
      -7,
      'audit row -7 stands before the first row',
    ],
    [
      'insert between, the rest moved',
      `UPDATE audit_log SET seq = -(seq + 1) WHERE seq > 1200; UPDATE audit_log SET seq = -seq WHERE seq < 0;
       INSERT INTO audit_log SELECT 1201, ts_us, 'x', action, entity, entity_id, payload, hash, randomblob(32) FROM audit_log WHERE seq = 1200`,
      1201,
      'audit row 1201 was changed',
    ],
    [
      'swap',
      'UPDATE audit_log SET seq = -seq WHERE seq IN (1000, 1001); UPDATE audit_log SET seq = 2001 + seq WHERE seq < 0',
      1000,
      'audit row 1000 does not follow row 999',
    ],
    [
      'INSERT OR REPLACE',
      "INSERT OR REPLACE INTO audit_log SELECT seq, ts_us, 'x', action, entity, entity_id, payload, prev_hash, hash FROM audit_log WHERE seq = 30",
      30,
      'audit row 30 was changed',
    ],
    [
      'a hash of another length',
      'PRAGMA ignore_check_constraints = 1; UPDATE audit_log SET hash = zeroblob(31) WHERE seq = 2000',
      2000,
      'audit row 2000 was changed',
    ],
    [
      'a first row with a predecessor',
      'UPDATE audit_log SET prev_hash = randomblob(32) WHERE seq = 1',
      1,
      'audit row 1 is not the beginning of a chain',
    ],
  ])('names the first broken link after %s', async (_, sql, seq, message) => {
    connection.exec(`${dropAuditTriggers} ${sql}`);
    const found = await verify();
    expect(found.broken).toMatchObject({ seq, message });
    expect(found.proven).toBe(Math.max(0, seq - 1));
    expect(auditFindings(found)[0]).toMatchObject({ id: 'audit.chain', severity: 'critical' });
  });
});

describe('anchors', () => {
  test('hold while the log grows', async () => {
    const anchor = anchorOfNow();
    appendAudit(connection, rowsOfAudit(10));
    const found = await verify([anchor]);
    expect(found).toMatchObject({ rows: rows + 10, broken: null, contradictions: [], triggers: [] });
    expect(found.sources[0]).toMatchObject({ held: 1, last: { seq: rows } });
    expect(auditFindings(found)).toEqual([]);
  });

  test('show a tail that was cut off, an empty log, and a table that is gone', async () => {
    const anchor = anchorOfNow();
    for (const sql of ['DELETE FROM audit_log WHERE seq > 2400', 'DELETE FROM audit_log', 'DROP TABLE audit_log']) {
      connection.exec(sql.startsWith('DROP') ? sql : `DROP TRIGGER IF EXISTS audit_no_delete; ${sql}`);
      const found = await verify([anchor]);
      expect(found.broken).toBeNull();
      expect(found.contradictions).toMatchObject([{ seq: rows, verdict: 'gone' }]);
    }
  });

  test('show a rewritten tail that is a right chain, and say which anchor still holds', async () => {
    const early = anchorOfNow();
    appendAudit(connection, rowsOfAudit(500));
    const late = anchorOfNow({ at: '2026-01-03T00:00:00.000Z' });
    connection.exec(dropAuditTriggers);
    rewriteAudit(connection, rows + 100, 600);
    const found = await verify([early, late]);
    expect(found.broken).toBeNull();
    expect(found.contradictions).toMatchObject([{ seq: rows + 500, verdict: 'differs' }]);
    expect(found.sources[0]).toMatchObject({ held: 1, last: { seq: rows } });
  });

  test('show a rewrite of everything by the place, not taking it for another database', async () => {
    const anchor = anchorOfNow();
    connection.exec(dropAuditTriggers);
    rewriteAudit(connection, 1, rows);
    expect((await verify([anchor])).contradictions).toMatchObject([{ verdict: 'rewritten' }]);
    const elsewhere = anchorOfNow({ database: '/data/other.db', chainStart: 'ab'.repeat(32) });
    expect((await verify([elsewhere])).sources[0]).toMatchObject({ others: 1, contradicted: 0 });
  });

  test('of a copy elsewhere count as far as the copy goes', async () => {
    const here = anchorOfNow({ database: '/elsewhere/trading.db' });
    const later = { ...here, anchor: { ...here.anchor, seq: rows + 1 } };
    const changed = { ...here, anchor: { ...here.anchor, seq: 5 } };
    const found = await verify([here, later, changed]);
    expect(found.sources[0]).toMatchObject({ held: 1, others: 1, contradicted: 1 });
    expect(found.contradictions).toMatchObject([{ seq: 5, verdict: 'differs' }]);
  });

  test('are set aside by a reason that was noted later, and only for this database', async () => {
    const before = anchorOfNow({ hash: 'cd'.repeat(32) });
    const accepted = anchorOfNow({ at: '2026-02-01T00:00:00.000Z', reason: 'restored to 2026-01-01' });
    expect((await verify([before, accepted])).sources[0]).toMatchObject({ held: 1, contradicted: 0, setAside: 1 });
    const other = { ...accepted, anchor: { ...accepted.anchor, host: 'elsewhere' } };
    expect((await verify([before, other])).contradictions).toHaveLength(1);
  });

  test('let the walk begin behind the newest that holds, which does not see a change before it', async () => {
    const anchor = anchorOfNow();
    appendAudit(connection, rowsOfAudit(3));
    connection.exec(`${dropAuditTriggers} UPDATE audit_log SET actor = 'x' WHERE seq = 7`);
    expect(await verify([anchor], true)).toMatchObject({ after: rows, rows: 3, broken: null });
    expect((await verify([anchor])).broken?.seq).toBe(7);
  });
});

test('a trigger that is missing or not that of the schema is told', async () => {
  connection.exec(`DROP TRIGGER audit_no_delete; DROP TRIGGER audit_no_update;
    CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit_log WHEN 0 BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END`);
  const found = await verify();
  expect(found.triggers).toEqual([
    { name: 'audit_no_update', fault: 'changed' },
    { name: 'audit_no_delete', fault: 'missing' },
  ]);
});

describe('the anchor file', () => {
  test('gives back what was noted; a torn line is named, and the next one stands by itself', () => {
    const path = join(temporaryFolder(), 'sub folder', 'anchors');
    expect(readAnchors(path)).toEqual({ anchors: [], unreadable: [] });
    const { anchor } = anchorOfNow({ reason: 'a "reason"\nof two lines' });
    appendAnchor(path, anchor);
    appendFileSync(path, readFileSync(path, 'utf8').slice(0, 100));
    appendAnchor(path, { ...anchor, by: 'second' });
    const { anchors, unreadable } = readAnchors(path);
    expect(anchors).toEqual([
      { anchor, place: 'line 1' },
      { anchor: { ...anchor, by: 'second' }, place: 'line 3' },
    ]);
    expect(unreadable).toEqual([2]);
  });

  test('does not believe a line that was edited', () => {
    const path = join(temporaryFolder(), 'anchors');
    appendAnchor(path, anchorOfNow().anchor);
    writeFileSync(path, readFileSync(path, 'utf8').replace(`"seq":${rows}`, '"seq":1'));
    expect(readAnchors(path)).toEqual({ anchors: [], unreadable: [1] });
  });
});
