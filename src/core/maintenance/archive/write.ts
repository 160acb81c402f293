import { renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { classEnd } from '../../config/retention-class.ts';
import type { OperationContext } from '../../context.ts';
import { fromFileSystem, TradedbError, throwIfCancelled } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { syncFolder } from '../../sync-folder.ts';
import type { Condition } from '../retention/due.ts';
import { InexactText, LiveUnit } from '../retention/live-unit.ts';
import type { RetentionPolicy } from '../retention/policy.ts';
import { type ExactRow, ExactStatements, type ExactValue, RawText } from '../retention/row.ts';
import { requireSchema } from '../retention/schema-guard.ts';
import type { UnitTable } from '../retention/unit.ts';
import { archiveNames, manifestPath, type TableFolder } from './chunk.ts';
import {
  type ArchiveFormat,
  type ArchiveWriter,
  layoutOf,
  openArchiveWriter,
  type ParquetCodec,
  type TableLayout,
} from './format.ts';
import { type ArchiveManifest, hashFile, writeManifest } from './manifest.ts';
import { ClassMismatch } from './parquet-column.ts';
import { RowSums } from './row-sums.ts';

export interface WriteRequest {
  readonly archiveId: string;
  readonly folder: TableFolder;
  readonly format: ArchiveFormat;
  /** Refuse instead of turning to SQLite's format when Parquet cannot hold a value. */
  readonly strictTypes: boolean;
  readonly rowGroupRows: number;
  /** Of Parquet files. */
  readonly codec: ParquetCodec;
  /** Outside a transaction; it reads the chunk in one snapshot. */
  readonly connection: Connection;
  /** Of the schema by which `tables` were read. */
  readonly schemaVersion: number;
  readonly tables: readonly UnitTable[];
  readonly policy: RetentionPolicy;
  readonly due: Condition;
  readonly cutoff: string;
  /** Month that `due` is limited to. */
  readonly month: string;
  readonly after: ExactRow | undefined;
  readonly chunkRows: number;
  /** True when the disk has no more room; asked between pages. */
  readonly diskIsShort: () => boolean;
}

export interface WrittenArchive {
  readonly manifest: ArchiveManifest;
  readonly manifestSha256: string;
  readonly lastKey: ExactRow;
  readonly more: boolean;
}

/**
 * Copies one chunk of due rows, with the rows that leave with them, into files of its own, durable and whole under
 * their names when this returns, with their manifest. Undefined when nothing is due any more. Leaves nothing when it
 * fails. A value that a Parquet column cannot hold sends the whole chunk to SQLite's format.
 */
export async function writeArchive(
  request: WriteRequest,
  context: OperationContext,
): Promise<WrittenArchive | undefined> {
  let how: WriteHow = { exactText: false };
  for (;;) {
    try {
      return await writeAs(request, how, context);
    } catch (error) {
      how = otherWay(request, how, error);
      context.log.debug('the chunk is written again', { archiveId: request.archiveId, ...how });
    }
  }
}

interface WriteHow {
  readonly exactText: boolean;
  /** Why it goes to SQLite's format. */
  readonly formatReason?: string;
}

/** How to write a chunk that could not be written so; throws what no other way can help. */
function otherWay({ strictTypes }: WriteRequest, how: WriteHow, error: unknown): WriteHow {
  if (error instanceof InexactText) return { ...how, exactText: true };
  if (!(error instanceof ClassMismatch)) throw error;
  if (!strictTypes) return { ...how, formatReason: error.message };
  throw new TradedbError('usage', `${error.message}, so these rows cannot go to Parquet`, {
    hint: 'archive them without --strict-types, which keeps such a chunk as SQLite, or with --archive-format sqlite',
  });
}

async function writeAs(
  request: WriteRequest,
  { exactText, formatReason }: WriteHow,
  context: OperationContext,
): Promise<WrittenArchive | undefined> {
  const { folder, archiveId, connection } = request;
  const format = formatReason === undefined ? request.format : 'sqlite';
  const encoding = String(connection.pragmaValue('encoding'));
  const layouts = request.tables.map(({ shape }) => layoutOf(shape));
  const sums = layouts.map((layout) => new RowSums(layout.columns.length));
  const names = archiveNames(
    archiveId,
    format,
    layouts.map(({ name }) => name),
  );
  const paths = names.map((name) => join(folder.path, name));
  const partials = paths.map((path) => `${path}.partial`);
  try {
    const target = { layouts, encoding, rowGroupRows: request.rowGroupRows, codec: request.codec };
    const writer = await openArchiveWriter(format, partials, target, context);
    let copied: Copied | undefined;
    try {
      const live = new LiveUnit(new ExactStatements(connection), request.tables, exactText);
      copied = await copyChunk(request, { live, writer, sums }, context);
      if (copied === undefined) return undefined;
      writer.finish();
    } finally {
      writer.close();
    }
    const files = [];
    for (const [index, name] of names.entries()) {
      const partial = partials[index] ?? '';
      files.push({ name, bytes: statSync(partial).size, sha256: await hashFile(partial, context.signal) });
    }
    for (const [index, path] of paths.entries()) renameSync(partials[index] ?? '', path);
    syncFolder(folder.path);
    const manifest: ArchiveManifest = {
      version: 1,
      archiveId,
      format,
      ...(formatReason === undefined ? {} : { formatReason }),
      database: connection.path,
      createdAt: new Date(context.clock.wallTime()).toISOString(),
      cutoff: request.cutoff,
      month: request.month,
      policy: request.policy,
      ...retentionOf(request),
      encoding,
      exactText,
      units: copied.units,
      files,
      tables: layouts.map((layout: TableLayout, index) => ({ ...layout, sums: (sums[index] as RowSums).sums })),
    };
    const manifestSha256 = writeManifest(manifestPath(folder, archiveId), manifest);
    return { manifest, manifestSha256, lastKey: copied.lastKey, more: copied.more };
  } catch (error) {
    throw fromFileSystem(error, folder.path);
  } finally {
    for (const partial of partials) rmSync(partial, { force: true });
  }
}

/** Counted from the end of the month of its rows, wherever on earth that month ends. */
function retentionOf({ policy, month }: WriteRequest): Pick<ArchiveManifest, 'retention'> {
  const { class: wanted } = policy;
  if (wanted === undefined) return {};
  const [year = 0, number = 1] = month.split('-').map(Number);
  const end = Date.UTC(year, number, 1) + (policy.unit === 'iso' ? halfDayMs : 0);
  const until = classEnd(wanted, end);
  return { retention: { class: wanted.name, until: until === null ? null : new Date(until).toISOString() } };
}

const halfDayMs = 43_200_000;

interface Copied {
  readonly units: number;
  readonly lastKey: ExactRow;
  readonly more: boolean;
}

async function copyChunk(
  request: WriteRequest,
  { live, writer, sums }: { live: LiveUnit; writer: ArchiveWriter; sums: readonly RowSums[] },
  context: OperationContext,
): Promise<Copied | undefined> {
  const { connection, chunkRows } = request;
  const progress = context.progress.start({ id: 'archive', label: `copy ${request.month}`, unit: 'rows' });
  let rows = 0;
  let units = 0;
  let reported = 0;
  let lastKey: ExactRow | undefined;
  const alone = live.tables.length === 1;
  connection.beginRead();
  try {
    requireSchema(connection, request.schemaVersion);
    for (const root of live.due(request.due, request.after, chunkRows)) {
      units += 1;
      lastKey = root.key;
      const unit = alone ? [[root]] : live.gather(root);
      for (const [table, members] of unit.entries()) {
        for (const member of members) {
          // A root that could not be read as it is was found by `due`; its children come in both forms.
          if (table > 0 && !live.exact && member.row.some(isRaw)) throw new InexactText();
          writer.insert(table, units, member);
          sums[table]?.add(member.row);
          rows += 1;
        }
      }
      if (units % rowsPerTurn === 0) {
        progress.advance(rows - reported);
        reported = rows;
        await between(request, context);
      }
      if (rows >= chunkRows) return { units, lastKey, more: true };
    }
    return lastKey === undefined ? undefined : { units, lastKey, more: false };
  } finally {
    progress.done();
    if (connection.inTransaction) connection.commit();
  }
}

const isRaw = (value: ExactValue): boolean => value instanceof RawText;

/** Units between two looks at the signal and the disk, and turns of the event loop: the lease is renewed by a timer. */
const rowsPerTurn = 10_000;

async function between({ diskIsShort, folder }: WriteRequest, { clock, signal }: OperationContext): Promise<void> {
  throwIfCancelled(signal);
  if (diskIsShort()) {
    throw new TradedbError('disk_full', `the reserve of free disk space of ${JSON.stringify(folder.path)} is reached`, {
      hint: 'free some space; nothing of this chunk was deleted',
    });
  }
  await clock.sleep(0, signal);
}
