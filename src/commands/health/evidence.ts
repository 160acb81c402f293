import { TradedbError } from '../../core/error.ts';
import type { EvidenceSource } from '../../core/health/evidence/page-evidence.ts';
import { databaseIdIfAny, openChosen, workerCount } from '../backup/repository-option.ts';
import type { CommandContext } from '../definition.ts';

/** What the repository knows about the pages of the database; a sentence when there is nothing to compare with. */
export function evidenceOf(context: CommandContext, repositoryName?: string): EvidenceSource {
  return async (backupId) => {
    try {
      const repository = await openChosen(context, repositoryName);
      const { readKnownPages } = await import('../../core/restore/known-pages.ts');
      const databaseId = await databaseIdIfAny(context);
      return await readKnownPages(
        { repository, databaseId, backupId, workers: workerCount(context, undefined) },
        context,
      );
    } catch (error) {
      if (error instanceof TradedbError && usableReasons.has(error.code) && backupId === undefined)
        return error.message;
      throw error;
    }
  };
}

/** Without a usable backup other ways remain; the reason is told with the plan. */
const usableReasons: ReadonlySet<string> = new Set([
  'backup_not_found',
  'checksum_mismatch',
  'repository_invalid',
  'file_not_found',
  'permission_denied',
  'usage',
  'io_error',
  'key_required',
  'key_rejected',
  'storage_refused',
  'storage_unavailable',
]);
