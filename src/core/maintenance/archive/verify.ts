import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import { type Chunk, manifestPath, type TableFolder } from './chunk.ts';
import { openArchiveReader } from './format.ts';
import { type ArchiveManifest, hashFile, readManifest } from './manifest.ts';
import { equalSums, RowSums } from './row-sums.ts';

/**
 * Reads an archive back from its file and compares it with what the ledger and the manifest say: hash of the manifest,
 * hashes of the files, SQLite's integrity check where it is its format, and for each table the number of rows, the sum of the row hashes and the
 * sums of the integers. Throws `checksum_mismatch` that names what differs.
 */
export async function verifyArchive(
  folder: TableFolder,
  chunk: Chunk,
  context: OperationContext,
): Promise<ArchiveManifest> {
  const metadata = manifestPath(folder, chunk.id);
  if (!existsSync(metadata)) throw differs(chunk.id, `${JSON.stringify(metadata)} is gone`);
  const { manifest, sha256 } = readManifest(metadata);
  if (sha256 !== chunk.manifestSha256) throw differs(chunk.id, 'the manifest is not the one in the ledger');
  const paths = archivePaths(folder, manifest);
  for (const [index, file] of manifest.files.entries()) {
    const path = paths[index] ?? '';
    if (!existsSync(path)) throw differs(chunk.id, `${JSON.stringify(path)} is gone`);
    if ((await hashFile(path, context.signal)) !== file.sha256) {
      throw differs(chunk.id, `the bytes of ${JSON.stringify(path)} changed since it was written`);
    }
  }
  await verifyContent(paths, manifest, context);
  return manifest;
}

export function archivePaths(folder: TableFolder, { files }: Pick<ArchiveManifest, 'files'>): string[] {
  return files.map(({ name }) => join(folder.path, name));
}

async function verifyContent(
  paths: readonly string[],
  manifest: ArchiveManifest,
  context: OperationContext,
): Promise<void> {
  const { archiveId } = manifest;
  const reader = await openArchiveReader(paths, manifest, context);
  const rows = manifest.tables.reduce((sum, table) => sum + table.sums.rows, 0);
  const progress = context.progress.start({ id: 'verify', label: 'read the archive back', unit: 'rows', total: rows });
  try {
    const problem = reader.problem();
    if (problem !== undefined) throw differs(archiveId, problem);
    for (const [index, table] of manifest.tables.entries()) {
      const sums = new RowSums(table.columns.length);
      for await (const page of reader.content(index)) {
        for (const row of page) sums.add(row);
        progress.advance(page.length);
        throwIfCancelled(context.signal);
        await context.clock.sleep(0, context.signal);
      }
      if (!equalSums(sums.sums, table.sums)) {
        throw differs(archiveId, `the rows of ${JSON.stringify(table.name)} are not those that were archived`);
      }
    }
  } catch (error) {
    if (error instanceof TradedbError) throw error;
    throw differs(archiveId, `it cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    progress.done();
    reader.close();
  }
}

function differs(id: string, what: string): TradedbError {
  return new TradedbError('checksum_mismatch', `archive ${id} failed its verification: ${what}`, {
    hint: 'nothing is deleted with it; bring the file back from a backup, or archive the rows again',
    details: { archiveId: id },
  });
}
