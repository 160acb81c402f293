import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetMetadata } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import type { VacuumHistoryData } from '../../src/commands/vacuum/history.ts';
import { type ArchiveSetup, archive, archiveSetup, contentOf } from '../support/archive-database.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';

function configure({ folder }: ArchiveSetup, change: (maintenance: Record<string, unknown>) => void): void {
  const path = join(folder, 'tradedb.config.json');
  const config = JSON.parse(readFileSync(path, 'utf8'));
  change(config.maintenance);
  writeFileSync(path, JSON.stringify(config));
}

describe('vacuum history', () => {
  it('tells what archive and vacuum gave back, newest first, and nothing of dry runs', async () => {
    const setup = archiveSetup(2000);
    const run = (...args: string[]) => tradedb(['vacuum', ...args], { cwd: setup.folder });
    expect((await run('history')).stdout).toContain('no run is known');
    await run('archive', '--dry-run');
    const { data: archived } = await archive(setup);
    const into = await run('run', '--method', 'into', '--yes', '--reserve', '0B', '--json');
    expect(into.code, into.stderr).toBe(0);
    const { data } = parseReport<VacuumHistoryData>(await run('history', '--json'));
    const rows = archived.policies[0]?.chunks.reduce((sum, chunk) => sum + chunk.deleted, 0);
    expect(data.totals).toMatchObject({ runs: 2, rowsArchived: 3000, rowsDeleted: rows });
    expect(data.runs).toMatchObject([
      { command: 'vacuum run', how: 'into', stoppedBy: 'done' },
      { command: 'vacuum archive', how: 'event', rowsDeleted: rows },
    ]);
    expect(data.runs[0]?.freedBytes).toBeGreaterThan(0);
    expect(data.totals.freedBytes).toBe(data.runs[0]?.freedBytes);
    const one = await run('history', '--last', '1');
    expect(one.stdout).toContain('2 runs:');
    expect(one.stdout).not.toContain('vacuum archive');
    expect(parseError(await run('history', '-d', 'none.db', '--json'))).toMatchObject({ exitCode: 10 });
  });
});

describe('the configuration of an archive', () => {
  it('compresses with snappy where it says so, and gives every row back', async () => {
    const setup = archiveSetup(300);
    const before = contentOf(setup.database);
    configure(setup, (maintenance) => Object.assign(maintenance.archive as object, { codec: 'snappy' }));
    const { data } = await archive(setup);
    const chunk = data.policies[0]?.chunks[0];
    const name = readdirSync(join(setup.archive, 'event')).find((file) => /^[^.]+\.parquet$/.test(file)) ?? '';
    const bytes = readFileSync(join(setup.archive, 'event', name));
    const metadata = parquetMetadata(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    expect(metadata.row_groups[0]?.columns[0]?.meta_data?.codec).toBe('SNAPPY');
    await archive(setup, '--restore', chunk?.id ?? '', '--into-table');
    expect(contentOf(setup.database)).toEqual(before);
  });

  it('keeps to the maintenance windows with --window, and says when the next one starts', async () => {
    const setup = archiveSetup(50);
    const hour = new Date().getUTCHours();
    const at = (later: number): string => `${String((hour + later) % 24).padStart(2, '0')}:00`;
    configure(setup, (maintenance) => Object.assign(maintenance, { windows: [{ from: at(6), to: at(8) }] }));
    const args = ['vacuum', 'archive', '--yes', '--window'];
    const refused = await tradedb(args, { cwd: setup.folder });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('the next one starts') });
    expect((await tradedb([...args, '--dry-run'], { cwd: setup.folder })).code).toBe(0);
    configure(setup, (maintenance) => Object.assign(maintenance, { windows: [{ from: '00:00', to: '00:00' }] }));
    expect((await tradedb(args, { cwd: setup.folder })).code).toBe(0);
  });
});
