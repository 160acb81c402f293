import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import type { OperationContext } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import { ArchiveFileReader } from './archive-file.ts';
import { archivePath, type Chunk, manifestPath, type TableFolder } from './chunk.ts';
import { type ArchiveManifest, hashFile, readManifest } from './manifest.ts';
import { equalSums, RowSums } from './row.ts';

/**
 * Reads an archive back from its file and compares it with what the ledger and the manifest say: hash of the manifest,
 * hash of the file, SQLite's integrity check, and for each table the number of rows, the sum of the row hashes and the
 * sums of the integers. Throws `checksum_mismatch` that names what differs.
 */
export async function verifyArchive(
  folder: TableFolder,
  chunk: Chunk,
  context: OperationContext,
): Promise<ArchiveManifest> {
  const path = archivePath(folder, chunk.id);
  const metadata = manifestPath(folder, chunk.id);
  for (const file of [path, metadata])
    if (!existsSync(file)) throw differs(chunk.id, `${JSON.stringify(file)} is gone`);
  const { manifest, sha256 } = readManifest(metadata);
  if (sha256 !== chunk.manifestSha256) throw differs(chunk.id, 'the manifest is not the one in the ledger');
  if (manifest.sha256 !== chunk.sha256 || manifest.archiveId !== chunk.id) {
    throw differs(chunk.id, 'manifest and ledger name different files');
  }
  if ((await hashFile(path, context.signal)) !== chunk.sha256) {
    throw differs(chunk.id, `the bytes of ${JSON.stringify(path)} changed since it was written`);
  }
  await verifyContent(path, manifest, context);
  return manifest;
}

async function verifyContent(path: string, manifest: ArchiveManifest, context: OperationContext): Promise<void> {
  const { archiveId } = manifest;
  if (!isRollbackFile(path)) throw differs(archiveId, 'the file is in WAL mode');
  const reader = new ArchiveFileReader(path, manifest, context);
  try {
    const problems = reader.connection.pragma('integrity_check').map((row) => String(Object.values(row)[0]));
    if (problems.join() !== 'ok') throw differs(archiveId, `integrity check: ${problems[0]}`);
    for (const [index, table] of manifest.tables.entries()) {
      const sums = new RowSums(table.columns.length);
      for (const page of reader.rows(index)) {
        for (const { row } of page) sums.add(row);
        throwIfCancelled(context.signal);
        await context.clock.sleep(0, context.signal);
      }
      if (!equalSums(sums.sums, table.sums)) {
        throw differs(archiveId, `the rows of ${JSON.stringify(table.name)} are not those that were archived`);
      }
    }
  } finally {
    reader.close();
  }
}

/** Bytes 18 and 19 of the header: write and read version, 1 for a rollback journal. */
function isRollbackFile(path: string): boolean {
  const header = Buffer.alloc(20);
  const file = openSync(path, 'r');
  try {
    readSync(file, header, 0, 20, 0);
  } finally {
    closeSync(file);
  }
  return header[18] === 1 && header[19] === 1;
}

function differs(id: string, what: string): TradedbError {
  return new TradedbError('checksum_mismatch', `archive ${id} failed its verification: ${what}`, {
    hint: 'nothing is deleted with it; bring the file back from a backup, or archive the rows again',
    details: { archiveId: id },
  });
}
