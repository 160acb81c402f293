import { createHash } from 'node:crypto';
import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BackupShowData } from '../../src/commands/backup/show-data.ts';
import { type CliResult, parseError, parseReport, tradedb } from '../support/cli.ts';
import {
  copyOfEncryptedFixture,
  encryptedFixtureId as databaseId,
  encryptedFixtureIdentity,
} from '../support/encrypted-fixture.ts';

const env = { TRADEDB_BACKUP_IDENTITY: encryptedFixtureIdentity };

describe('tradedb backup show', () => {
  const run = (folder: string, words: readonly string[], given: Readonly<Record<string, string>> = env) =>
    tradedb(['backup', 'show', ...words], { cwd: folder, env: given });

  const show = async (folder: string, word: string): Promise<BackupShowData> => {
    const result: CliResult = await run(folder, [word, '--json']);
    expect(result.code, result.stderr).toBe(0);
    return parseReport<BackupShowData>(result).data;
  };

  it('a mark, an epoch, one commit, a range, and why a backup is kept', async () => {
    const folder = copyOfEncryptedFixture();
    const mark = await show(folder, 'here');
    expect(mark).toMatchObject({
      kind: 'mark',
      database: 'trading.db',
      manifest: null,
      mark: { name: 'here', tx: 3, keep: true },
      commits: [{ tx: 3, frames: 1, databasePages: 2 }],
      restorable: { fromTx: 3, toTx: 3 },
    });
    expect(mark.lineage).toHaveLength(1);
    expect(mark.objects).toHaveLength(3);

    const id = mark.epoch?.id ?? '';
    const epoch = await show(folder, id.slice(0, 4));
    expect(epoch).toMatchObject({
      kind: 'epoch',
      epoch: { id, parent: null, missing: null, segments: 5 },
      restorable: { epoch: id, fromTx: 0, toTx: 5 },
    });
    expect(epoch.objects.map(({ sha256 }) => sha256 === null)).toEqual([true, false, false, false, false, false]);
    for (const { key } of [...epoch.objects, ...mark.objects]) {
      expect(existsSync(join(folder, 'backups', key)), key).toBe(true);
    }

    expect((await show(folder, `5@${id}`)).commits.map(({ tx }) => tx)).toEqual([5]);
    const range = await show(folder, `2-9@${id}`);
    expect(range.commits.map(({ tx, frames }) => [tx, frames])).toEqual([2, 3, 4, 5].map((tx) => [tx, 1]));
    expect(range.restorable).toMatchObject({ fromTx: 2, toTx: 5, toTime: range.commits.at(-1)?.notAfter });

    const base = await show(folder, epoch.epoch?.base.pointId ?? '');
    expect(base.keepReasons).toEqual(expect.arrayContaining(['last', 'archive', 'mark here']));
    expect(base.restorable).toMatchObject({ epoch: id, toTx: 5 });
    const text = await run(folder, [`1-2@${id}`, '--color', 'always']);
    expect(text.stdout).toMatch(/commits 1 to 2/);
  });

  it('without the key what needs none, and says what needs it', async () => {
    const folder = copyOfEncryptedFixture();
    const { mark, commits, restorable } = parseReport<BackupShowData>(await run(folder, ['here', '--json'], {})).data;
    expect(mark?.tx).toBe(3);
    expect([commits, restorable]).toEqual([[], null]);
    const epoch = mark?.epoch ?? '';
    expect((await run(folder, [epoch], {})).stdout).toMatch(/5 segments/);
    expect(parseError(await run(folder, [`3@${epoch}`, '--json'], {}))).toMatchObject({ code: 'key_required' });
  });

  it('refuses what is not there, what is no range, and what means several things', async () => {
    const folder = copyOfEncryptedFixture();
    const epoch = (await show(folder, 'here')).epoch?.id ?? '';
    const refused = async (word: string, code: number, text: RegExp): Promise<void> => {
      const result = await run(folder, [word, '--json']);
      expect(result.code, result.stderr).toBe(code);
      expect(parseError(result).message).toMatch(text);
      expect(parseError(result).hint).not.toBe('');
    };
    await refused('there', 10, /no backup, mark or epoch "there"/);
    await refused(`6@${epoch}`, 10, /no commit 6 in epoch/);
    await refused(`4-2@${epoch}`, 2, /no range of commits/);
    await refused(`1-10001@${epoch}`, 2, /no range of commits/);
    const db = join(folder, 'backups', 'db');
    cpSync(join(db, databaseId, 'wal', epoch), join(db, databaseId, 'wal', `${epoch.slice(0, 4)}beef`), {
      recursive: true,
    });
    const other = await run(folder, [epoch.slice(0, 4), '--json']);
    // A copy under another name is no epoch: its record is of another place.
    expect(other.code, other.stderr).toBe(3);
    expect(parseReport<BackupShowData>(other).findings).toMatchObject([{ id: 'backup.record_damaged' }]);
    const name = epoch.slice(0, 4);
    const mark = Buffer.from(
      JSON.stringify({ format: 1, name, epoch, tx: 1, time: '2026-01-01T00:00:00Z', note: null, keep: false }),
    );
    const digest = createHash('sha256').update(mark).digest('hex');
    writeFileSync(join(db, databaseId, 'marks', `${name}-${digest}.json`), mark);
    await refused(name, 10, new RegExp(`means several things: mark ${name} of trading.db, epoch ${epoch}`));
  });
});
