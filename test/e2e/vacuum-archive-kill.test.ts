import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { listArchives } from '../../src/core/maintenance/archive/list.ts';
import type { ArchivePorts } from '../../src/core/maintenance/archive/request.ts';
import { restoreArchive } from '../../src/core/maintenance/archive/restore.ts';
import type { RestoreRequest } from '../../src/core/maintenance/archive/restore-parts.ts';
import { type ArchiveSetup, archive, archiveSetup, committedChanges, contentOf } from '../support/archive-database.ts';
import { startScript } from '../support/background-process.ts';
import { tradedb } from '../support/cli.ts';
import { testContext } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** More for a long run: node bench/vacuum/kills.mjs 200. */
const asked = process.env.TRADEDB_TEST_KILLS;
const kills = Number(asked ?? 5);
const restoreKills = Number(asked ?? 3);
const rows = 6000;
const limitMs = 300_000 + kills * 30_000;

/** Every version of every row that stands in a written archive, by key. */
async function archivedContent(setup: ArchiveSetup): Promise<Map<string, Set<string>>> {
  const found = new Map<string, Set<string>>();
  const folder = setup.archive;
  for (const { id, state } of listArchives({ database: setup.database, folder }).archives) {
    if (state === 'planned' || state === 'written') continue;
    const to = join(temporaryFolder(), `${id}.db`);
    const wanted = { database: setup.database, folder, archiveId: id, to, includeStale: true, dryRun: false };
    // Restoring verifies the archive first.
    await restoreArchive(wanted as RestoreRequest, {} as ArchivePorts, testContext());
    for (const [key, value] of contentOf(to)) found.set(key, (found.get(key) ?? new Set()).add(value));
  }
  return found;
}

describe('kill -9 of vacuum archive', () => {
  it(
    `at ${kills} random moments beside a writer: every row is in its table, in a verified archive, or in both`,
    async () => {
      const template = archiveSetup(rows);
      const fresh = (): ArchiveSetup => {
        const folder = temporaryFolder();
        cpSync(template.folder, folder, { recursive: true });
        return { folder, database: join(folder, 'shop.db'), archive: join(folder, 'old rows') };
      };
      const started = performance.now();
      expect((await archive(fresh())).status).toBe('ok');
      const usualMs = performance.now() - started;
      for (let kill = 0; kill < kills; kill += 1) {
        const setup = fresh();
        const log = join(setup.folder, 'log');
        const before = contentOf(setup.database);
        const writer = await startScript('archive-writer.mjs', [setup.database, log]);
        const args = [
          'vacuum',
          'archive',
          '--yes',
          '--json',
          '--chunk-rows',
          '2000',
          '--archive-format',
          kill % 2 === 0 ? 'parquet' : 'sqlite',
        ];
        const moment = usualMs * (0.2 + (1.2 * kill) / kills);
        await tradedb(args, { cwd: setup.folder, onStart: (child) => setTimeout(() => child.kill('SIGKILL'), moment) });
        await writer.stop();
        const changed = existsSync(log) ? committedChanges(log) : new Map<number, string | undefined>();
        await expectNothingLost(setup, before, changed);

        const resumed = await tradedb(['vacuum', 'archive', '--resume', '--yes', '--json'], { cwd: setup.folder });
        expect([0, 3], resumed.stderr).toContain(resumed.code);
        await expectNothingLost(setup, before, changed);
        const left = await archive(setup, '--resume');
        expect(left.data).toMatchObject({ archives: [], pending: [] });
        const again = await archive(setup, '--chunk-rows', '2000');
        expect(again.data).toMatchObject({ stoppedBy: 'done', pending: [] });
        expect((await archive(setup, '--dry-run')).data.policies[0]?.rowsDue).toBe(0);
        await expectNothingLost(setup, before, changed);
        const files = readdirSync(setup.archive, { recursive: true, encoding: 'utf8' });
        expect(files.filter((name) => name.endsWith('.partial'))).toEqual([]);
        await expectCounts(setup);
        const db = new Database(setup.database, { readonly: true });
        expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
        expect(db.pragma('foreign_key_check')).toEqual([]);
        db.close();
      }
    },
    limitMs,
  );

  it(
    `and of its restore, at ${restoreKills} moments each: an overview that is kept true stays so, and every row comes back`,
    async () => {
      const template = overviewSetup();
      const before = contentOf(template.database);
      const copy = (from: ArchiveSetup): ArchiveSetup => {
        const folder = temporaryFolder();
        cpSync(from.folder, folder, { recursive: true });
        return { folder, database: join(folder, 'shop.db'), archive: join(folder, 'old rows') };
      };
      const archived = copy(template);
      const archiveMs = await timed(() => archive(archived));
      const [chunk] = (await archive(archived, '--list')).data.archives;
      const toTable = ['--restore', chunk?.id ?? '', '--into-table', '--on-conflict', 'skip'];
      const restoreMs = await timed(() => archive(copy(archived), ...toTable));
      for (let kill = 0; kill < kills; kill += 1) {
        const share = 0.25 + kill / kills;
        const setup = copy(template);
        await killed(setup, [], archiveMs * share);
        expectOverview(setup);
        await expectNothingLost(setup, before, new Map());
        expect((await archive(setup)).data).toMatchObject({ stoppedBy: 'done', pending: [] });
        expectOverview(setup);

        const back = copy(archived);
        await killed(back, toTable, restoreMs * share);
        expectOverview(back);
        await expectNothingLost(back, before, new Map());
        expect((await archive(back, ...toTable)).data.restored).toMatchObject({ id: chunk?.id });
        expectOverview(back);
        expect(contentOf(back.database)).toEqual(before);

        const file = join(back.folder, 'january.db');
        await killed(back, ['--restore', chunk?.id ?? '', '--to', file], restoreMs * share);
        // A new file is there as a whole, or not at all.
        if (!existsSync(file)) await archive(back, '--restore', chunk?.id ?? '', '--to', file);
        const given = [...contentOf(file)].filter(([key]) => before.has(key));
        expect(given).toHaveLength(chunk?.rows ?? 0);
        expect(given.every(([key, value]) => before.get(key) === value)).toBe(true);
      }
    },
    limitMs,
  );
});

/** Rows of January only, counted by a table that the policy keeps true. */
function overviewSetup(): ArchiveSetup {
  const adjust = 'UPDATE overview SET rows = rows - @tradedb_rows WHERE rest = @big % 3';
  const setup = archiveSetup(3000, { adjust, class: '5y' });
  const db = new Database(setup.database);
  db.exec(
    'CREATE TABLE overview (rest INTEGER PRIMARY KEY, rows); INSERT INTO overview SELECT big % 3, count(*) FROM event GROUP BY 1',
  );
  db.close();
  return setup;
}

function expectOverview({ database }: ArchiveSetup): void {
  const db = new Database(database, { readonly: true });
  const real = 'SELECT big % 3 AS rest, count(*) AS rows FROM event GROUP BY 1 ORDER BY 1';
  expect(db.prepare('SELECT rest, rows FROM overview ORDER BY 1').all()).toEqual(db.prepare(real).all());
  db.close();
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function killed({ folder }: ArchiveSetup, more: readonly string[], afterMs: number): Promise<void> {
  const args = ['vacuum', 'archive', '--yes', '--json', ...more];
  await tradedb(args, { cwd: folder, onStart: (child) => setTimeout(() => child.kill('SIGKILL'), afterMs) });
}

async function expectNothingLost(
  setup: ArchiveSetup,
  before: Map<string, string>,
  changed: ReadonlyMap<number, string | undefined>,
): Promise<void> {
  const live = contentOf(setup.database);
  const archived = existsSync(setup.archive) ? await archivedContent(setup) : new Map<string, Set<string>>();
  for (const [key, value] of before) {
    const id = Number(key.split(' ')[1]);
    if (key.startsWith('event') && changed.has(id)) continue;
    if (key.startsWith('detail') && changed.has(id) && changed.get(id) === undefined) continue;
    const somewhere = live.get(key) === value || archived.get(key)?.has(value) === true;
    expect(somewhere, `${key} is neither in the table nor in an archive`).toBe(true);
  }
  const db = new Database(setup.database, { readonly: true });
  const note = db.prepare<[number], string>('SELECT note FROM event WHERE id = ?').pluck();
  for (const [id, value] of changed) {
    if (value === undefined) continue;
    const text = Buffer.from(value).toString('hex').toUpperCase();
    const somewhere =
      note.get(id) === value || [...(archived.get(`event ${id}`) ?? [])].some((row) => row.includes(text));
    expect(somewhere, `the committed change of event ${id} is lost`).toBe(true);
  }
  db.close();
}

/** What the ledgers say adds up for every archive that is done. */
async function expectCounts(setup: ArchiveSetup): Promise<void> {
  const list = await archive(setup, '--list');
  for (const chunk of list.data.archives) {
    expect(['done', 'dropped']).toContain(chunk.state);
    if (chunk.state === 'done') expect(chunk.deleted + chunk.stale + chunk.alreadyGone).toBe(chunk.rows);
  }
  for (const table of readdirSync(setup.archive)) {
    const lines = readFileSync(join(setup.archive, table, 'ledger.ndjson'), 'utf8')
      .trim()
      .split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual(lines.map((_, index) => index + 1));
  }
}
