import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ArchiveResult } from '../../src/core/maintenance/archive/request.ts';
import { type ArchiveSetup, archive, archiveSetup, contentOf } from '../support/archive-database.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';

/** A setup whose configuration is changed before anything runs. */
function setupWith(
  vacuum: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>> = {},
): ArchiveSetup {
  const setup = archiveSetup(400);
  const path = join(setup.folder, 'tradedb.config.json');
  const config = JSON.parse(readFileSync(path, 'utf8'));
  Object.assign(config.maintenance.vacuum, vacuum);
  writeFileSync(path, JSON.stringify({ ...config, ...more }));
  return setup;
}

async function until(condition: () => boolean): Promise<void> {
  for (let wait = 0; !condition(); wait += 1) {
    if (wait > 1200) throw new Error('it did not come to that in time');
    await sleep(50);
  }
}

/** True once an archive was read back: from then on rows are deleted. */
function isVerified({ archive: folder }: ArchiveSetup): boolean {
  const ledger = join(folder, 'event', 'ledger.ndjson');
  return existsSync(ledger) && readFileSync(ledger, 'utf8').includes('"verified"');
}

const start = (setup: ArchiveSetup) => tradedb(['vacuum', 'archive', '--yes', '--json'], { cwd: setup.folder });

describe('vacuum archive beside', () => {
  it('a reader that pins the WAL: it stops before a row is deleted, and goes on later', async () => {
    const setup = setupWith({ readerWait: '300ms' });
    const before = contentOf(setup.database);
    const reader = new Database(setup.database);
    const writer = new Database(setup.database);
    onTestFinished(() => {
      reader.close();
      writer.close();
    });
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM event').get();
    // More frames than a busy writer leaves between two looks.
    writer.exec('CREATE TABLE later (x); INSERT INTO later VALUES (randomblob(4000000)); DROP TABLE later');
    const stopped = await start(setup);
    expect(stopped.code).toBe(15);
    const report = parseReport<ArchiveResult>(stopped);
    expect(report.data).toMatchObject({ stoppedBy: 'reader', pending: [expect.any(String)] });
    expect(report.findings.map(({ id }) => id)).toContain('archive.stopped.reader');
    expect(contentOf(setup.database)).toEqual(before);
    reader.exec('COMMIT');
    const resumed = await archive(setup, '--resume');
    expect(resumed.data).toMatchObject({ stoppedBy: 'done', pending: [] });
    expect([...contentOf(setup.database).keys()].filter((key) => key.startsWith('event'))).toHaveLength(400);
  });

  it('a second run, while the first waits for a lock: it is refused by name, and the first finishes', async () => {
    const setup = setupWith({ readerWait: '10m' });
    const writer = new Database(setup.database);
    onTestFinished(() => void writer.close());
    writer.exec('BEGIN IMMEDIATE');
    const first = start(setup);
    await until(() => isVerified(setup));
    const second = parseError(await start(setup));
    expect(second).toMatchObject({
      code: 'lease_held',
      exitCode: 11,
      message: expect.stringContaining('vacuum archive'),
    });
    const list = await tradedb(['vacuum', 'archive', '--list', '--json'], { cwd: setup.folder });
    expect(parseReport<ArchiveResult>(list).data.archives).toHaveLength(1);
    writer.exec('COMMIT');
    const done = await first;
    expect(done.code, done.stderr).toBe(0);
    expect(readdirSync(join(setup.archive, 'event')).filter((name) => /^[^.]+\.parquet$/.test(name))).toHaveLength(1);
  });

  it('a running backup: it is refused until the backup has ended, and nothing is lost', async () => {
    const wait =
      "const { existsSync } = require('node:fs'); require('node:fs').writeFileSync('running', ''); setInterval(() => existsSync('go') && process.exit(0), 50)";
    const setup = setupWith({}, { backup: { hooks: { before: [process.execPath, '-e', wait] } } });
    const before = contentOf(setup.database);
    const backup = tradedb(['backup', '--json'], { cwd: setup.folder });
    await until(() => existsSync(join(setup.folder, 'running')));
    const refused = parseError(await start(setup));
    expect(refused).toMatchObject({
      code: 'lease_held',
      exitCode: 11,
      message: expect.stringContaining('backup create'),
    });
    expect(contentOf(setup.database)).toEqual(before);
    writeFileSync(join(setup.folder, 'go'), '');
    expect((await backup).code).toBe(0);
    expect((await archive(setup)).data).toMatchObject({ stoppedBy: 'done', pending: [] });
    // The backup holds the rows of before the archive.
    const file = join(setup.folder, 'restored.db');
    expect((await tradedb(['restore', 'run', '--target', file], { cwd: setup.folder })).code).toBe(0);
    expect(contentOf(file)).toEqual(before);
  });
});
