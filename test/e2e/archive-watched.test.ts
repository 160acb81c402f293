import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { BackupListData } from '../../src/commands/backup/list.ts';
import type { BackupVerifyData } from '../../src/commands/backup/verify.ts';
import type { RestoreDrillData } from '../../src/commands/restore/drill.ts';
import { databaseIdOf } from '../../src/core/backup/repository/object-name.ts';
import { type ArchiveStatus, readArchiveStatus } from '../../src/core/backup/wal-archive/status-file.ts';
import { parseReport, tradedb } from '../support/cli.ts';
import { createCountingDatabase } from '../support/counting-database.ts';
import { flipBit } from '../support/damage.ts';
import { startService } from '../support/service.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

describe('the archiver beside the service', () => {
  it('is started, started again after kill -9, ended with everything durable, and can be watched', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'a.db');
    createCountingDatabase(database, { rows: 2000 });
    const config = join(folder, 'tradedb.config.json');
    writeFileSync(
      config,
      JSON.stringify({
        database: { path: 'a.db' },
        backup: { archive: { startWithMonitor: true, segmentInterval: '100ms' } },
      }),
    );
    const cwd = { cwd: folder };
    const status = (): ArchiveStatus | undefined => readArchiveStatus(join(folder, '.tradedb'), databaseIdOf('a.db'));
    const db = new Database(database);
    onTestFinished(() => void db.close());
    const commit = (): void =>
      void db.exec("INSERT INTO entry (value, body) VALUES (1, ''); UPDATE counter SET n = n + 1");
    const service = await startService(['-c', config, '--schedules', 'off'], {});
    while (status()?.running !== true) await sleep(50);
    const first = status()!.pid;
    for (let count = 0; count < 5; count++) commit();
    while ((status()?.tx ?? 0) < 10) await sleep(50);
    process.kill(first, 'SIGKILL');
    while (status()?.running !== true || status()?.pid === first) await sleep(50);
    commit();
    const metrics = await tradedb(['backup', 'list', '-f', 'prometheus'], cwd);
    expect(metrics.stdout).toMatch(/^tradedb_archive_up\{.*\} 1$/m);
    expect(metrics.stdout).toMatch(/^tradedb_archive_lag_seconds\{/m);
    service.child.kill('SIGTERM');
    expect(await service.ended).toBe(143);
    expect(status()).toMatchObject({ running: false, tx: 12, gaps: 0 });
    const listed = parseReport<BackupListData>(await tradedb(['backup', 'list', '--json'], cwd)).data;
    expect(listed.windows[0]).toMatchObject({ toTx: 12, base: listed.points[0]?.id });
    expect(listed.points[0]?.restorable?.toTime).toBe(listed.windows[0]?.toTime);
    const text = await tradedb(['backup', 'list', '--epochs'], cwd);
    expect(text.stdout).toContain('not running since');

    // Every page is known: the backup, and each commit since.
    const same = await tradedb(['backup', 'verify', '--compare-live', '--json'], cwd);
    expect(same.code, same.stdout).toBe(0);
    expect(parseReport<BackupVerifyData>(same).data.live).toMatchObject({ pagesDiffering: 0, reason: null });
    const pages = readFileSync(database).length / 4096;
    expect(parseReport<BackupVerifyData>(same).data.live?.pagesCompared).toBeGreaterThan(pages / 2);
    flipBit(database, 40 * 4096 + 1000);
    const rotten = await tradedb(['backup', 'verify', '--compare-live', '--json'], cwd);
    expect(rotten.code).toBe(12);
    expect(parseReport<BackupVerifyData>(rotten).data.live).toMatchObject({ pagesDiffering: 1, pages: [41] });
    flipBit(database, 40 * 4096 + 1000);
    commit();
    db.pragma('wal_checkpoint(TRUNCATE)');
    commit();
    const unknown = await tradedb(['backup', 'verify', '--compare-live', '--json'], cwd);
    expect(unknown.code).toBe(3);
    expect(parseReport<BackupVerifyData>(unknown).data.live?.pagesCompared).toBeNull();

    const drills = [
      await tradedb(['restore', 'drill', '--json'], cwd),
      await tradedb(['restore', 'drill', '--json'], cwd),
    ];
    const [before, after] = drills.map((drill) => parseReport<RestoreDrillData>(drill).data);
    expect(before?.previous).toBeNull();
    expect(after?.previous?.rtoMs).toBe(Math.round(before?.rtoMs ?? 0));
    expect((await tradedb(['backup', 'list', '-f', 'prometheus'], cwd)).stdout).toContain('tradedb_drill_rto_seconds');
  }, 90_000);
});
