import * as v from 'valibot';
import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { readIfThere } from '../storage/read-if-there.ts';
import { hex, sha256 } from './chunk/pack-format.ts';
import type { Repository } from './repository/repository.ts';
import { archivedNow, type PlaceRequest } from './wal-archive/archived-place.ts';

/** A name for one archived commit: `before-migration`, `pre-open`. */

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const markSchema = v.object({
  format: v.literal(1),
  name: v.string(),
  epoch: v.string(),
  tx: count,
  /** ISO 8601: when the mark was set, or the moment of the commit that was named. */
  time: v.string(),
  note: v.nullable(v.string()),
  /** Prune keeps what is needed to restore it. */
  keep: v.boolean(),
});

export type Mark = v.InferOutput<typeof markSchema>;

export interface StoredMark extends Mark {
  readonly key: string;
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Throws `usage` for a name that is no good name of a file. */
export function requireMarkName(name: string): void {
  if (namePattern.test(name)) return;
  throw new TradedbError('usage', `${JSON.stringify(name)} is no name of a mark`, {
    hint: 'use letters, digits, dots, dashes and underscores, at most 64',
  });
}

/** Undefined when it is damaged; `repository.records` then knows why. */
export function decodeMark(repository: Repository, key: string, bytes: Uint8Array): StoredMark | undefined {
  const record = repository.records.open(key, bytes);
  if (record === undefined) return undefined;
  const parsed = v.safeParse(markSchema, record);
  if (!parsed.success) return repository.records.refuse(key, parsed.issues[0].message);
  if (!key.includes(`/marks/${parsed.output.name}-`)) return repository.records.refuse(key, 'it is of another mark');
  return { ...parsed.output, key };
}

/** Marks of a database, oldest first. One that cannot be read is left out. */
export async function readMarks(repository: Repository, databaseId: string): Promise<readonly StoredMark[]> {
  const marks: StoredMark[] = [];
  for await (const { key } of repository.storage.list(`db/${databaseId}/marks`)) {
    const bytes = await readIfThere(repository.storage, key);
    const mark = bytes === undefined ? undefined : decodeMark(repository, key, bytes);
    if (mark !== undefined) marks.push(mark);
  }
  return marks.sort((a, b) => (a.time < b.time ? -1 : 1));
}

export async function findMark(repository: Repository, databaseId: string, name: string): Promise<StoredMark> {
  const marks = await readMarks(repository, databaseId);
  const mark = marks.find((one) => one.name === name);
  if (mark !== undefined) return mark;
  throw new TradedbError('backup_not_found', `there is no mark ${JSON.stringify(name)}`, {
    hint:
      marks.length === 0
        ? 'no mark was set: tradedb backup mark <name>'
        : `known: ${marks.map((one) => one.name).join(', ')}`,
  });
}

/** Stores a mark; throws `usage` when the name is taken. */
export async function writeMark(repository: Repository, databaseId: string, mark: Mark): Promise<void> {
  const marks = await readMarks(repository, databaseId);
  if (marks.some((one) => one.name === mark.name)) {
    throw new TradedbError('usage', `there is a mark ${JSON.stringify(mark.name)} already`, {
      hint: `choose another name, or remove it: tradedb backup mark ${mark.name} --remove`,
    });
  }
  const bytes = repository.records.seal(`db/${databaseId}/marks/${mark.name}.json`, mark);
  await repository.storage.write(`db/${databaseId}/marks/${mark.name}-${hex(sha256(bytes))}.json`, bytes);
}

/** The commit that is the newest one now, as soon as it is archived. */
export async function commitOfNow(
  request: PlaceRequest,
  context: OperationContext,
): Promise<{ epoch: string; tx: number; time: string }> {
  const found = await archivedNow(request, context);
  if (found === null) {
    throw new TradedbError('backup_failed', 'no archive covers this moment: nothing is archived', {
      hint: 'marks need the archiver: tradedb backup archive',
    });
  }
  if (found?.tx === 0) {
    throw new TradedbError('backup_failed', 'no commit is archived yet, so there is none to name', {
      hint: 'set the mark after the next commit; the state of now is that of the newest backup (restore --backup <id>)',
    });
  }
  if (found !== undefined) {
    return { epoch: found.epoch.id, tx: found.tx, time: new Date(found.takenAt).toISOString() };
  }
  throw new TradedbError('lease_held', 'the newest commit is not archived yet', {
    hint: 'is the archiver running (tradedb backup archive)? wait longer with --wait',
  });
}
