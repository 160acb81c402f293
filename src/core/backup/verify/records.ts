import { TradedbError } from '../../error.ts';
import { hex, sha256 } from '../chunk/pack-format.ts';
import type { Repository } from '../repository/repository.ts';
import { openSealed } from '../repository/sealed-json.ts';
import { decodeTombstone } from '../retention/tombstone.ts';
import { decodeEpoch } from '../wal-archive/epoch.ts';
import type { VerifyProblem } from './verification.ts';

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
      if (check(await repository.storage.read(key))) continue;
      problems.push({ key, chunk: null, kind: 'damaged', message: 'its digest differs', affectedPoints: [] });
    } catch (error) {
      if (!(error instanceof TradedbError)) throw error;
      problems.push({ key, chunk: null, kind: 'unreadable', message: error.message, affectedPoints: [] });
    }
  }
  return { objects, problems };
}

type Check = (bytes: Uint8Array) => boolean;

/** Undefined for objects that others check. */
function checkOf(key: string): Check | undefined {
  const [, , folder] = key.split('/');
  if (folder === 'database.json') return (bytes) => openSealed(bytes)?.sealed === true;
  if (folder === 'marks') return (bytes) => key.endsWith(`-${hex(sha256(bytes))}.json`);
  if (folder === 'tombstones') return (bytes) => decodeTombstone(bytes) !== undefined;
  if (folder === 'wal' && key.endsWith('/epoch.json')) return (bytes) => decodeEpoch(bytes) !== undefined;
  return undefined;
}
