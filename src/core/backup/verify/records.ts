import { TradedbError } from '../../error.ts';
import { decodeMark } from '../mark.ts';
import type { Repository } from '../repository/repository.ts';
import { decodeTombstone } from '../retention/tombstone.ts';
import { decodeEpoch } from '../wal-archive/epoch.ts';
import type { VerifyProblem } from './verification.ts';
import { decodeVerified } from './verified-points.ts';

/** Checks the small objects beside points and segments: what is known of a database, epochs, marks, tombstones. */
export async function verifyRecords(
  repository: Repository,
  databaseId: string,
): Promise<{ objects: number; problems: readonly VerifyProblem[] }> {
  const problems: VerifyProblem[] = [];
  let objects = 0;
  for await (const { key } of repository.storage.list(`db/${databaseId}`)) {
    const check = checkOf(key);
    if (check === undefined) continue;
    objects += 1;
    try {
      if (check(repository, key, await repository.storage.read(key)) !== undefined) continue;
      const message = repository.records.problems.find((one) => one.key === key)?.message ?? 'it cannot be read';
      problems.push({ key, chunk: null, kind: 'damaged', message, affectedPoints: [] });
    } catch (error) {
      if (!(error instanceof TradedbError)) throw error;
      problems.push({ key, chunk: null, kind: 'unreadable', message: error.message, affectedPoints: [] });
    }
  }
  return { objects, problems };
}

type Check = (repository: Repository, key: string, bytes: Uint8Array) => object | undefined;

/** Undefined for objects that others check. */
function checkOf(key: string): Check | undefined {
  const [, , folder] = key.split('/');
  if (folder === 'database.json') return (repository, name, bytes) => repository.records.open(name, bytes);
  if (folder === 'marks') return decodeMark;
  if (folder === 'tombstones') return decodeTombstone;
  if (folder === 'verified') return decodeVerified;
  if (folder === 'wal' && key.endsWith('/epoch.json')) return decodeEpoch;
  return undefined;
}
