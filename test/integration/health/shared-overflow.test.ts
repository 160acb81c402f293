import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { uint32 } from '../../../src/core/file-format/btree-page.ts';
import { DamagedFile } from '../../support/database-damage.ts';
import { runRecovery } from '../../support/recovery.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const pageSize = 1024;

/** Rows with overflow chains of the given texts, and the first pages of these chains. */
function withLongRows(
  path: string,
  texts: readonly string[],
  autoVacuum: 0 | 2,
): { file: DamagedFile; heads: number[] } {
  const db = new Database(path);
  db.pragma(`page_size = ${pageSize}`);
  db.pragma(`auto_vacuum = ${autoVacuum}`);
  db.exec('CREATE TABLE trade (id INTEGER PRIMARY KEY, note TEXT)');
  const insert = db.prepare('INSERT INTO trade (note) VALUES (?)');
  for (let row = 0; row < 100; row++) insert.run('short');
  for (const text of texts) insert.run(text);
  for (let row = 0; row < 100; row++) insert.run('short');
  db.close();
  const file = new DamagedFile(path, 1);
  return { file, heads: file.overflowPages() };
}

/** The chain of the first row goes on in that of the second. */
function meet(file: DamagedFile, [first = 0, second = 0]: number[]): void {
  file.page(first).writeUInt32BE(uint32(file.page(second), 0));
  file.save();
}

function notes(path: string): unknown[] {
  const db = new Database(path, { readonly: true });
  const rows = db.prepare("SELECT note FROM trade WHERE note <> 'short' ORDER BY id").pluck().all();
  db.close();
  return rows;
}

/** Every run of a letter, so that a failure can be read. */
function briefly(text: unknown): string {
  return String(text).replace(/(.)\1*/gs, (run, letter) => `${letter}${run.length} `);
}

describe('two overflow chains that run into one', () => {
  it('a text that would end in zero bytes is not the one: both rows come back', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 't.db');
    // Of such lengths the last page is not full.
    const texts = ['a'.repeat(2018), 'b'.repeat(2070)];
    const { file, heads } = withLongRows(path, texts, 0);
    meet(file, heads);
    const { data } = await runRecovery(folder, path, { method: 'salvage' });
    expect(notes(data.result?.path ?? '').map(briefly)).toEqual(texts.map(briefly));
    expect(data.quarantine).toBeNull();
  });

  it('rows of one length without a pointer map: nobody can tell, and both wait in quarantine', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 't.db');
    const { file, heads } = withLongRows(path, ['a'.repeat(2500), 'b'.repeat(2500)], 0);
    meet(file, heads);
    const { data } = await runRecovery(folder, path, { method: 'salvage' });
    expect(notes(data.result?.path ?? '').map(briefly)).toEqual([]);
    expect(data.quarantine?.rows).toBe(2);
  });

  it('the pointer map tells rows of one length apart', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 't.db');
    const texts = ['a'.repeat(2500), 'b'.repeat(2500)];
    const { file, heads } = withLongRows(path, texts, 2);
    meet(file, heads);
    const { data } = await runRecovery(folder, path, { method: 'salvage' });
    expect(notes(data.result?.path ?? '').map(briefly)).toEqual(texts.map(briefly));
  });

  it('the page is of the row that needs as many as are left', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 't.db');
    const texts = ['a'.repeat(2500), 'b'.repeat(4800)];
    const { file, heads } = withLongRows(path, texts, 0);
    // The page that the first row loses is gone too.
    const lost = uint32(file.page(heads[0] ?? 0), 0);
    file.page(lost).fill(0xff);
    meet(file, heads);
    const { data } = await runRecovery(folder, path, { method: 'salvage' });
    expect(notes(data.result?.path ?? '').map(briefly)).toEqual([texts[1]].map(briefly));
    expect(data.quarantine?.rows).toBe(1);
  });
});
