import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { fingerprintsOf, sameFingerprint } from '../../file-format/page-fingerprint.ts';
import type { FoundEvidence } from './inspection.ts';
import { materialize, readPageOf } from './materialize.ts';
import type { SalvageSource } from './salvage-source.ts';

/**
 * A new file with the pages of the database, where those that differ are the ones of the backup or of the archived WAL.
 * Each is checked against its fingerprint once more; the replaced ones are kept in `work/replaced-pages`.
 */
export async function repairPages(
  source: SalvageSource,
  { evidence, differences }: FoundEvidence,
  places: { readonly resultPath: string; readonly workFolder: string },
  context: OperationContext,
): Promise<{ replaced: readonly number[] }> {
  const wanted = differences?.pages ?? [];
  const fetched = join(places.workFolder, 'backup-pages.db');
  const replaced = join(places.workFolder, 'replaced-pages');
  mkdirSync(replaced, { recursive: true });
  await evidence.fetch(wanted, fetched);
  const images = new Map(wanted.map((page) => [page, proven(fetched, page, evidence)]));
  materialize(source, places.resultPath, context, (page, number) => {
    const image = images.get(number);
    if (image === undefined) return page;
    writeFileSync(join(replaced, `page-${number}`), page ?? new Uint8Array(0));
    return image;
  });
  return { replaced: wanted };
}

function proven(file: string, page: number, evidence: FoundEvidence['evidence']): Uint8Array {
  const image = readPageOf(file, page, evidence.pageSizeBytes);
  if (image !== undefined) {
    if (sameFingerprint(fingerprintsOf(image, evidence.pageSizeBytes), 0, evidence.fingerprints, page - 1))
      return image;
  }
  throw new TradedbError('checksum_mismatch', `page ${page} of backup ${evidence.backupId} is not what its hash says`, {
    hint: 'verify the repository: tradedb backup verify --level 3',
  });
}
