import type { Repository } from '../repository/repository.ts';
import { readEpochs } from '../wal-archive/epoch.ts';
import type { ArchiveStatus } from '../wal-archive/status-file.ts';
import type { VerifyProblem } from './verification.ts';

/**
 * The newest segments can be gone without a hole in the chain: that is seen only by whoever knows that they were stored.
 * `status` is what the archiver has said of itself on this machine, read before the repository is.
 */
export async function missingNewest(
  repository: Repository,
  databaseId: string,
  status: ArchiveStatus | undefined,
): Promise<VerifyProblem | undefined> {
  // What waits in the spool was never in the repository; and another repository may be meant.
  if (status === undefined || status.spoolBytes !== 0 || status.repository !== repository.storage.location) return;
  const epochs = await readEpochs(repository, databaseId);
  const epoch = epochs.find((one) => one.id === status.epoch);
  const newest = epochs.at(-1);
  // An epoch of before is removed by prune, with the backup that it builds on.
  if (epoch === undefined && newest !== undefined && newest.createdAt > status.updatedAt) return;
  const lastTx = epoch?.segments.at(-1)?.lastTx ?? 0;
  if (status.tx === 0 || lastTx >= status.tx) return;
  const missing = status.tx - lastTx === 1 ? `commit ${status.tx} was` : `commits ${lastTx + 1} to ${status.tx} were`;
  return {
    key: `db/${databaseId}/wal/${status.epoch}`,
    chunk: null,
    kind: 'missing',
    message: `${missing} stored by the archiver of this machine (at work until ${status.updatedAt}), but the archive ends before`,
    affectedPoints: [`epoch ${status.epoch}`],
  };
}
