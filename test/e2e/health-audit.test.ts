import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { HealthAuditData } from '../../src/commands/health/audit-report.ts';
import { createDatabase, openReadWrite } from '../../src/core/sqlite/connection.ts';
import { normalProfile } from '../../src/core/sqlite/pragma-profile.ts';
import { applyReferenceSchema } from '../../src/core/trading/reference-schema.ts';
import {
  appendAudit,
  createAuditedDatabase,
  dropAuditTriggers,
  rewriteAudit,
  rowsOfAudit,
} from '../support/audit-log.ts';
import { type CliResult, parseError, parseReport, tradedb } from '../support/cli.ts';
import { testPorts } from '../support/context.ts';
import { fileState } from '../support/file-state.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const rows = 1500;

/** A folder with an audited database and a configuration that names an anchor file. */
function auditedFolder(): string {
  const folder = temporaryFolder();
  createAuditedDatabase(join(folder, 'trading.db'), rows);
  const config = { database: { path: 'trading.db' }, trading: { audit: { anchorFile: 'notary/anchors' } } };
  writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify(config));
  return folder;
}

function change(folder: string, work: (connection: ReturnType<typeof openReadWrite>) => void): void {
  const connection = openReadWrite(join(folder, 'trading.db'), normalProfile, testPorts);
  try {
    work(connection);
  } finally {
    connection.close();
  }
}

const audit = (folder: string, ...args: string[]): Promise<CliResult> =>
  tradedb(['health', 'audit', ...args], { cwd: folder });

const dataOf = (result: CliResult): HealthAuditData => parseReport<HealthAuditData>(result).data;

describe('health audit', () => {
  it('proves a whole log, notes its head, and finds a cut tail by it', async () => {
    const folder = auditedFolder();
    const first = await audit(folder);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain('audit chain whole');
    expect(first.stdout).toContain('nothing outside of the database says where its chain stood');
    const dry = await audit(folder, '--anchor', '--dry-run', '--json');
    expect(dataOf(dry)).toMatchObject({ dryRun: true, anchored: { seq: rows } });
    expect(existsSync(join(folder, 'notary'))).toBe(false);
    expect(dataOf(await audit(folder, '--anchor', '--json')).anchored).toMatchObject({ seq: rows });
    change(folder, (connection) => connection.exec(`${dropAuditTriggers} DELETE FROM audit_log WHERE seq > 1400`));
    const cut = await audit(folder, '--json');
    expect(cut.code).toBe(12);
    expect(parseReport<HealthAuditData>(cut)).toMatchObject({
      status: 'critical',
      data: { log: { broken: null, proven: 1400, contradictions: [{ seq: rows, verdict: 'gone' }] } },
    });
    const text = await audit(folder);
    expect(text.stdout).toContain(`audit row ${rows}, noted on`);
    // What is contradicted is not noted as if it were proven.
    const noted = readFileSync(join(folder, 'notary/anchors'), 'utf8');
    expect((await audit(folder, '--anchor')).code).toBe(12);
    expect(readFileSync(join(folder, 'notary/anchors'), 'utf8')).toBe(noted);
  });

  it('names the first broken link with exit 12, in every format', async () => {
    const folder = auditedFolder();
    change(folder, (connection) =>
      connection.exec(`${dropAuditTriggers} UPDATE audit_log SET actor = 'x' WHERE seq IN (700, 900)`),
    );
    for (const [format, words] of [
      ['text', 'audit row 700 was changed; rows up to 699 are proven'],
      ['junit', 'audit row 700 was changed'],
      ['prometheus', 'tradedb_audit_whole 0'],
      ['markdown', 'audit row 700 was changed'],
    ] as const) {
      const result = await audit(folder, '-f', format);
      expect(result.code, format).toBe(12);
      expect(result.stdout, format).toContain(words);
    }
  });

  it('tells a missing trigger as a warning', async () => {
    const folder = auditedFolder();
    change(folder, (connection) => connection.exec('DROP TRIGGER audit_next'));
    const result = await audit(folder, '--json');
    expect(result.code).toBe(3);
    expect(dataOf(result).log?.triggers).toEqual([{ name: 'audit_next', fault: 'missing' }]);
  });

  it('holds the log against backup manifests, which catch a rewrite of everything', async () => {
    const folder = auditedFolder();
    rmSync(join(folder, 'tradedb.config.json'));
    const d = ['-d', 'trading.db'];
    expect((await tradedb(['backup', ...d], { cwd: folder })).code).toBe(0);
    const held = dataOf(await audit(folder, ...d, '--json'));
    expect(held.log?.sources).toMatchObject([{ kind: 'backups', held: 1, last: { seq: rows } }]);
    change(folder, (connection) => {
      connection.exec(dropAuditTriggers);
      rewriteAudit(connection, 1, rows);
    });
    const rewritten = await audit(folder, ...d, '--json');
    expect(rewritten.code).toBe(12);
    expect(dataOf(rewritten).log).toMatchObject({ broken: null, contradictions: [{ verdict: 'rewritten' }] });
  });

  it('lets the operator say that a restore was wanted, and keeps what was noted before', async () => {
    const folder = auditedFolder();
    await audit(folder, '--anchor');
    change(folder, (connection) => {
      connection.exec(`${dropAuditTriggers} DELETE FROM audit_log WHERE seq > 1000`);
      appendAudit(connection, rowsOfAudit(900));
    });
    expect((await audit(folder)).code).toBe(12);
    expect(parseError(await audit(folder, '--accept', ' ', '--json'))).toMatchObject({ code: 'usage' });
    const accepted = await audit(folder, '--accept', 'restored to the backup of Monday', '--json');
    expect(accepted.code).toBe(3); // the triggers are gone
    const after = dataOf(await audit(folder, '--json'));
    expect(after.log).toMatchObject({ contradictions: [], sources: [{ held: 1, setAside: 1 }] });
    expect(readFileSync(join(folder, 'notary/anchors'), 'utf8').trim().split('\n')).toHaveLength(2);
  });

  it('reads only what is new behind an anchor, when asked', async () => {
    const folder = auditedFolder();
    await audit(folder, '--anchor');
    change(folder, (connection) => appendAudit(connection, rowsOfAudit(20)));
    expect(dataOf(await audit(folder, '--since-anchor', '--json')).log).toMatchObject({ after: rows, rows: 20 });
  });

  it('backup create notes the head in the anchor file as well', async () => {
    const folder = auditedFolder();
    expect((await tradedb(['backup'], { cwd: folder })).code).toBe(0);
    const { log } = dataOf(await audit(folder, '--json'));
    expect(log?.sources).toMatchObject([
      { kind: 'file', held: 1 },
      { kind: 'backups', held: 1 },
    ]);
    writeFileSync(join(folder, 'in-the-way'), '');
    const env = { TRADEDB_TRADING_AUDIT_ANCHOR_FILE: 'in-the-way/anchors' };
    const warned = await tradedb(['backup'], { cwd: folder, env });
    expect(warned).toMatchObject({ code: 3, stdout: expect.stringContaining('could not be noted') });
  });
});

describe('an export', () => {
  const since = new Date((1_700_000_000 + 1000 * 60) * 1000).toISOString();

  it('proves itself without the database, and every change of it is found', async () => {
    const folder = auditedFolder();
    await audit(folder, '--anchor');
    const file = join(folder, 'part of the log.ndjson');
    const args = ['--export', file, '--since', since, '--class', '6y'];
    const dry = dataOf(await audit(folder, ...args, '--dry-run', '--json'));
    expect(existsSync(file)).toBe(false);
    const made = dataOf(await audit(folder, ...args, '--json'));
    expect(made.export?.manifest).toMatchObject({
      firstSeq: 1000,
      lastSeq: rows,
      rows: 501,
      retention: { class: '6y', until: expect.stringMatching(/^2029-11-1/) },
    });
    expect(dry.export?.manifest.file).toEqual(made.export?.manifest.file);
    expect(parseError(await audit(folder, ...args, '--json'))).toMatchObject({ exitCode: 2 });
    rmSync(join(folder, 'trading.db'));
    const alone = await audit(folder, '--verify-export', file, '--json');
    expect(alone.code, alone.stderr).toBe(0);
    expect(dataOf(alone)).toMatchObject({ mode: 'verify-export', database: null, export: { problem: null } });

    const whole = readFileSync(file, 'utf8');
    const lines = whole.split('\n');
    const changes: [string, string][] = [
      [whole.replace('"actor":"engine"', '"actor":"engime"'), 'audit row 1000 was changed'],
      [lines.toSpliced(3, 1).join('\n'), 'audit row 1003 is missing'],
      [lines.toSpliced(3, 2, lines[4] ?? '', lines[3] ?? '').join('\n'), 'audit row 1003 is missing'],
      [lines.slice(0, 400).join('\n'), 'its end is missing'],
      [`${lines.slice(0, 8).join('\n')}\nno json\n`, 'line 9 is no audit row'],
      [`${whole} `, 'line 502 is no audit row'],
      [whole.replace('\n', '\r\n'), 'its bytes are not those that the manifest says'],
    ];
    for (const [text, problem] of changes) {
      writeFileSync(file, text);
      const result = await audit(folder, '--verify-export', file, '--json');
      expect(result.code, problem).toBe(12);
      expect(dataOf(result).export?.problem, problem).toContain(problem);
    }
  });

  it('that was made anew from a rewritten log is caught by an anchor, and by the log', async () => {
    const folder = auditedFolder();
    await audit(folder, '--anchor');
    const original = readFileSync(join(folder, 'trading.db'));
    change(folder, (connection) => {
      connection.exec(dropAuditTriggers);
      rewriteAudit(connection, 1200, 301);
    });
    const file = join(folder, 'e.ndjson');
    await audit(folder, '--export', file, '--anchor-file', 'none');
    expect((await audit(folder, '--verify-export', file, '--anchor-file', 'none')).code).toBe(0);
    const byAnchor = parseReport<HealthAuditData>(await audit(folder, '--verify-export', file, '--json'));
    expect(byAnchor.findings).toMatchObject([{ id: 'audit.anchor', values: { verdict: 'differs' } }]);
    for (const suffix of ['-wal', '-shm']) rmSync(join(folder, `trading.db${suffix}`), { force: true });
    writeFileSync(join(folder, 'trading.db'), original);
    const byLog = await audit(folder, '--verify-export', file, '--anchor-file', 'none', '--json');
    expect(byLog.code).toBe(12);
    expect(parseReport(byLog).findings).toMatchObject([{ id: 'audit.export_differs' }]);
  });

  it('of a broken log ends in front of the broken link, or is refused', async () => {
    const folder = auditedFolder();
    change(folder, (connection) =>
      connection.exec(`${dropAuditTriggers} UPDATE audit_log SET actor = 'x' WHERE seq = 1200`),
    );
    const file = join(folder, 'e.ndjson');
    const refused = await audit(folder, '--export', file, '--json');
    expect(parseError(refused)).toMatchObject({ code: 'checksum_mismatch', exitCode: 12 });
    expect(existsSync(file)).toBe(false);
    const part = await audit(folder, '--export', file, '--before', since, '--json');
    expect(part.code).toBe(12);
    expect(dataOf(part).export?.manifest).toMatchObject({ firstSeq: 1, lastSeq: 999 });
  });

  it.each([
    [['--class', '5y'], 'belong to --export'],
    [['--export', 'e', '--class', '7y'], 'no retention class "7y"'],
    [['--export', 'e', '--since', '2030-01-01'], 'no time with a zone'],
    [['--export', 'e', '--since', '2030-01-01T00:00:00Z'], 'no rows of this time'],
    [['--since-anchor', '--anchor'], 'proves too little'],
    [['--verify-export', 'e', '--anchor'], 'a mode of its own'],
  ])('%j is refused with exit 2', async (args, message) => {
    const folder = auditedFolder();
    const before = fileState(folder, (name) => /-(wal|shm)$/.test(name));
    const result = await audit(folder, ...args);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(message);
    expect(fileState(folder, (name) => /-(wal|shm)$/.test(name))).toEqual(before);
  });
});

it('an audit log with nothing in it, or none, is told as it is', async () => {
  const folder = temporaryFolder();
  const connection = createDatabase(join(folder, 'new.db'), normalProfile, testPorts);
  applyReferenceSchema(connection);
  connection.close();
  const empty = await audit(folder, '-d', 'new.db');
  expect(empty).toMatchObject({ code: 0, stdout: expect.stringContaining('audit log empty') });
  const other = new Database(join(folder, 'other.db'));
  other.exec('CREATE TABLE audit_log (id INTEGER PRIMARY KEY, what TEXT)');
  other.close();
  const none = await audit(folder, '-d', 'other.db');
  expect(none).toMatchObject({ code: 3, stdout: expect.stringContaining('no audit log') });
});
