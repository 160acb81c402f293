import * as v from 'valibot';
import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import type { WalPosition } from '../file-access/snapshot-view.ts';
import { hex, sha256 } from './chunk/pack-format.ts';
import type { Repository } from './repository/repository.ts';
import { pin } from './snapshot/pin.ts';
import { type Epoch, readEpochs, readSegment } from './wal-archive/epoch.ts';
import { RecorderProcess } from './wal-archive/recorder-process.ts';

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

/** Marks of a database, oldest first. One that cannot be read is left out. */
export async function readMarks(repository: Repository, databaseId: string): Promise<readonly StoredMark[]> {
  const marks: StoredMark[] = [];
  for await (const { key } of repository.storage.list(`db/${databaseId}/marks`)) {
    const bytes = await repository.storage.read(key);
    if (!key.endsWith(`-${hex(sha256(bytes))}.json`)) continue;
    const parsed = v.safeParse(markSchema, JSON.parse(Buffer.from(bytes).toString('utf8')));
    if (parsed.success) marks.push({ ...parsed.output, key });
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
  const bytes = Buffer.from(`${JSON.stringify(mark)}\n`);
  await repository.storage.write(`db/${databaseId}/marks/${mark.name}-${hex(sha256(bytes))}.json`, bytes);
}

export interface NowRequest {
  readonly repository: Repository;
  readonly databaseId: string;
  readonly database: string;
  readonly busyTimeoutMs: number;
  /** How long to wait until the archiver has made the commit durable. */
  readonly waitMs: number;
}

const pollMs = 100;

/** The commit that is the newest one now, as soon as it is archived. */
export async function commitOfNow(
  request: NowRequest,
  context: OperationContext,
): Promise<{ epoch: string; tx: number; time: string }> {
  const time = new Date(context.clock.wallTime()).toISOString();
  const position = await newestPlace(request, context);
  const end = context.clock.now() + request.waitMs;
  for (;;) {
    const epoch = (await readEpochs(request.repository, request.databaseId)).at(-1);
    if (epoch === undefined) {
      throw new TradedbError('backup_failed', 'no archive covers this moment: nothing is archived', {
        hint: 'marks need the archiver: tradedb backup archive',
      });
    }
    const tx = await txAt(request, epoch, position);
    if (tx !== undefined) return { epoch: epoch.id, tx, time };
    if (context.clock.now() >= end) break;
    await context.clock.sleep(pollMs, context.signal);
  }
  throw new TradedbError('lease_held', 'the newest commit is not archived yet', {
    hint: 'is the archiver running (tradedb backup archive)? wait longer with --wait',
  });
}

/** Under a read transaction, so that the place cannot go away while it is looked at. */
async function newestPlace(request: NowRequest, context: OperationContext): Promise<WalPosition | null> {
  const held = pin(request.database, context, request.busyTimeoutMs);
  const child = new RecorderProcess(request.database, context.clock);
  try {
    const floor = await child.floor();
    if ('unavailable' in floor)
      throw new TradedbError('unsupported', 'the wal-index cannot be read: is it in WAL mode?');
    return floor.position;
  } finally {
    held.release();
    await child.stop();
  }
}

/** Segments from the end that are looked at: a mark is set now, so its commit is among the newest. */
const lastSegments = 20;

async function txAt(request: NowRequest, epoch: Epoch, position: WalPosition | null): Promise<number | undefined> {
  // An empty WAL holds nothing that the archiver has not seen: it cannot be emptied before that.
  if (position === null) return epoch.segments.at(-1)?.lastTx ?? epoch.base.tx;
  for (const segment of epoch.segments.slice(-lastSegments).reverse()) {
    const place = { databaseId: request.databaseId, epoch: epoch.id };
    const { header, footer } = await readSegment(request.repository, place, segment);
    if (header.salt1 !== position.salt1 || header.salt2 !== position.salt2) continue;
    if (header.firstFrame - 1 === position.frame && header.seed1 === position.checksum1) return header.firstTx - 1;
    const index = footer.commits.findIndex((commit) => commit.frame === position.frame);
    if (index !== -1) return header.firstTx + index;
  }
  return undefined;
}
