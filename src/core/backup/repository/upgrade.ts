import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { LeaseOwner } from '../../lease.ts';
import { hex, sha256 } from '../chunk/pack-format.ts';
import { archiveLeaseName } from '../wal-archive/archived-place.ts';
import { encodeFormat } from './format-version.ts';
import { formatKey } from './object-name.ts';
import type { Repository } from './repository.ts';
import { acquireRepositoryLease, type LeaseTimes, type RepositoryLease } from './repository-lease.ts';
import { openSealed } from './sealed-json.ts';

export interface UpgradeRequest {
  readonly repository: Repository;
  readonly owner: LeaseOwner;
  readonly leases?: LeaseTimes;
  readonly dryRun: boolean;
}

export interface Upgraded {
  /** Features that the repository did not have. */
  readonly added: readonly string[];
  /** Objects that were written anew. */
  readonly records: number;
}

/**
 * Gives a repository what new ones have. Records get their MACs first and FORMAT says so last, so that an upgrade that was
 * interrupted is simply run again: until then every release reads it as before.
 */
export async function upgradeRepository(request: UpgradeRequest, context: OperationContext): Promise<Upgraded> {
  const { repository } = request;
  const format = repository.newerFormat;
  if (format === undefined) return { added: [], records: 0 };
  const added = format.required.filter((feature) => !repository.format.required.includes(feature));
  if (request.dryRun) return { added, records: (await recordsWithout(repository)).length };
  const leases = await takeAll(request, context);
  try {
    const records = await recordsWithout(repository);
    for (const record of records) await rewrite(repository, record);
    await repository.storage.write(formatKey, encodeFormat(format));
    return { added, records: records.length };
  } finally {
    for (const lease of leases) await lease.release();
  }
}

interface PlainRecord {
  readonly key: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** Records that have no MAC yet. Throws `checksum_mismatch` for one that cannot be read: a MAC would make it credible. */
async function recordsWithout({ storage, records }: Repository): Promise<readonly PlainRecord[]> {
  const found: PlainRecord[] = [];
  for await (const { key } of storage.list('db')) {
    if (!/^db\/[^/]+\/(database\.json|marks\/.*|tombstones\/.*|verified\/.*|wal\/[^/]+\/epoch\.json)$/.test(key))
      continue;
    const bytes = await storage.read(key);
    const content = records.open(key, bytes);
    if (content === undefined) {
      const message = records.problems.find((one) => one.key === key)?.message;
      throw new TradedbError('checksum_mismatch', `${key} is damaged: ${message}`, {
        hint: 'put it back from a copy, or remove it when nothing needs it; nothing was changed',
      });
    }
    if (openSealed(bytes)?.mac === undefined) found.push({ key, content });
  }
  return found;
}

/** A record whose name carries its digest gets another name; the old one goes when the new one is there. */
async function rewrite({ storage, records }: Repository, { key, content }: PlainRecord): Promise<void> {
  const name = key.replace(/-[0-9a-f]{64}\.json$/, '.json');
  const bytes = records.seal(name, content);
  const newKey = name === key ? key : name.replace(/\.json$/, `-${hex(sha256(bytes))}.json`);
  await storage.write(newKey, bytes);
  if (newKey !== key) await storage.delete(key);
}

/** Nobody may write a record without a MAC meanwhile. */
async function takeAll(
  { repository, owner, leases }: UpgradeRequest,
  context: OperationContext,
): Promise<readonly RepositoryLease[]> {
  const ids = new Set<string>();
  for await (const { key } of repository.storage.list('db')) ids.add(key.split('/')[1] ?? '');
  const names = ['repository', ...[...ids].flatMap((id) => [id, archiveLeaseName(id)])];
  const taken: RepositoryLease[] = [];
  try {
    for (const name of names) {
      const request = { name, purpose: 'backup upgrade', owner, leases };
      taken.push(await acquireRepositoryLease(repository.storage, request, context));
    }
    return taken;
  } catch (error) {
    for (const lease of taken) await lease.release();
    throw error;
  }
}
