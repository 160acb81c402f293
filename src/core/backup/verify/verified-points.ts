import * as v from 'valibot';
import type { Random } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { hex } from '../chunk/pack-format.ts';
import type { Repository } from '../repository/repository.ts';

/**
 * What verifications have said of each restore point, kept in the repository: prune counts verified chains, and may run on
 * another machine. Each verification writes one object with everything that is known, and then removes those that it has
 * read; whoever reads takes the newest of all, so two at the same time lose nothing.
 */

const levels = ['1', '2', '3', '4'] as const;

const pointSchema = v.object({
  /** ISO 8601: when the point last passed at each level. */
  passed: v.partial(v.object({ 1: v.string(), 2: v.string(), 3: v.string(), 4: v.string() })),
  /** ISO 8601, or null: when something that it needs was last found damaged or missing. */
  failed: v.nullable(v.string()),
});

const recordSchema = v.object({ format: v.literal(2), points: v.record(v.string(), pointSchema) });

type PointRecord = v.InferOutput<typeof pointSchema>;

/** The verdict on a point: the highest level that it passed since something failed; 0 when that is the last word. */
export interface VerifiedPoint {
  readonly level: number;
  /** ISO 8601. */
  readonly at: string;
}

export type VerifiedPoints = ReadonlyMap<string, VerifiedPoint>;

/** Undefined when it is damaged; `repository.records` then knows why. */
export function decodeVerified(
  repository: Repository,
  key: string,
  bytes: Uint8Array,
): v.InferOutput<typeof recordSchema> | undefined {
  const record = repository.records.open(key, bytes);
  if (record === undefined) return undefined;
  const parsed = v.safeParse(recordSchema, record);
  return parsed.success ? parsed.output : repository.records.refuse(key, parsed.issues[0].message);
}

/** By id of the point; points that were never verified are not in it. */
export async function readVerified(repository: Repository, databaseId: string): Promise<VerifiedPoints> {
  const { points } = await readAll(repository, databaseId);
  const verdicts = new Map<string, VerifiedPoint>();
  for (const [id, record] of points) {
    const verdict = verdictOf(record);
    if (verdict !== undefined) verdicts.set(id, verdict);
  }
  return verdicts;
}

export interface VerificationOutcome {
  /** ISO 8601. */
  readonly at: string;
  /** The level that each point passed. */
  readonly passed: ReadonlyMap<string, number>;
  readonly failed: readonly string[];
}

/**
 * Adds an outcome to what is known. Returns why it could not be kept where the repository cannot be written: the
 * verification was made all the same.
 */
export async function keepVerification(
  repository: Repository,
  databaseId: string,
  outcome: VerificationOutcome,
  random: Random,
): Promise<string | undefined> {
  try {
    repository.records.requireKey();
    const { points, keys } = await readAll(repository, databaseId);
    for (const [id, level] of outcome.passed) {
      const known = points.get(id) ?? none;
      points.set(id, { ...known, passed: { ...known.passed, [level]: outcome.at } });
    }
    for (const id of outcome.failed) points.set(id, { ...(points.get(id) ?? none), failed: outcome.at });
    const there = new Set((await repository.points(databaseId)).points.map((point) => point.id));
    const kept = [...points].filter(([id]) => there.has(id)).sort(([a], [b]) => (a < b ? -1 : 1));
    const key = `db/${databaseId}/verified/${hex(random.bytes(8))}.json`;
    const record = { format: 2, points: Object.fromEntries(kept) };
    await repository.storage.write(key, repository.records.seal(key, record));
    for (const old of keys) await repository.storage.delete(old);
    return undefined;
  } catch (error) {
    if (error instanceof TradedbError && unwritable.has(error.code)) return error.message;
    throw error;
  }
}

const unwritable: ReadonlySet<string> = new Set([
  'key_required',
  'permission_denied',
  'read_only',
  'disk_full',
  'io_error',
  'storage_refused',
  'storage_unavailable',
]);

const none: PointRecord = { passed: {}, failed: null };

async function readAll(
  repository: Repository,
  databaseId: string,
): Promise<{ points: Map<string, PointRecord>; keys: readonly string[] }> {
  const points = new Map<string, PointRecord>();
  const keys: string[] = [];
  for await (const { key } of repository.storage.list(`db/${databaseId}/verified`)) {
    const bytes = await readIfThere(repository, key);
    // What another verification has removed meanwhile is in the object that it wrote before.
    if (bytes === undefined) continue;
    keys.push(key);
    const record = decodeVerified(repository, key, bytes);
    for (const [id, found] of Object.entries(record?.points ?? {})) points.set(id, newestOf(points.get(id), found));
  }
  return { points, keys };
}

async function readIfThere(repository: Repository, key: string): Promise<Uint8Array | undefined> {
  try {
    return await repository.storage.read(key);
  } catch (error) {
    if (error instanceof TradedbError && error.code === 'file_not_found') return undefined;
    throw error;
  }
}

function newestOf(known: PointRecord | undefined, found: PointRecord): PointRecord {
  if (known === undefined) return found;
  const passed = { ...known.passed };
  for (const level of levels) {
    const at = later(passed[level], found.passed[level]);
    if (at !== undefined) passed[level] = at;
  }
  return { passed, failed: later(known.failed ?? undefined, found.failed ?? undefined) ?? null };
}

function later(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? b : a;
}

function verdictOf({ passed, failed }: PointRecord): VerifiedPoint | undefined {
  const since = levels.filter((level) => passed[level] !== undefined && (failed === null || passed[level] > failed));
  const highest = since.at(-1);
  const at = highest === undefined ? undefined : passed[highest];
  if (highest !== undefined && at !== undefined) return { level: Number(highest), at };
  return failed === null ? undefined : { level: 0, at: failed };
}
