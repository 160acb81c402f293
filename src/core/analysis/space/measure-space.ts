import type { OperationContext } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import type { Finding } from '../../report.ts';
import { retryWhileBusy } from '../../sqlite/busy-retry.ts';
import { type Connection, openReadOnly } from '../../sqlite/connection.ts';
import { type Btree, listBtrees } from './btree.ts';
import { type BtreeUsage, btreeTotals, btreeUsage } from './btree-usage.ts';
import { type EarlierSpace, growthSince, type SpaceGrowth } from './growth.ts';
import { pointerMapPages, reclaimBytes } from './reclaim.ts';

export interface SpaceRequest {
  readonly path: string;
  /** Only this table, with its indexes, or this index. */
  readonly object?: string;
  /** False: totals only, in half the time. */
  readonly pages: boolean;
  /** One read transaction over everything: figures of one moment, but a checkpoint has to wait. */
  readonly consistent: boolean;
  /** Share of the file from which reclaimable space is a warning. */
  readonly reclaimWarning: number;
  readonly busyTimeoutMs: number;
  /** An earlier report to tell the growth from. */
  readonly earlier?: EarlierSpace | undefined;
}

export interface SpaceObject extends BtreeUsage {
  readonly shareOfFile: number;
}

export interface SpaceData {
  readonly path: string;
  readonly fileBytes: number;
  readonly pageBytes: number;
  readonly pages: number;
  readonly freelistBytes: number;
  readonly pointerMapBytes: number;
  readonly tableBytes: number;
  readonly indexBytes: number;
  /** What VACUUM would return; null when only one object was looked at. */
  readonly reclaimBytes: number | null;
  readonly reclaimShare: number | null;
  readonly autoVacuum: 'none' | 'full' | 'incremental';
  /** Null without an earlier report. */
  readonly growth: SpaceGrowth | null;
  /** Largest first. */
  readonly objects: readonly SpaceObject[];
}

const autoVacuumNames = ['none', 'full', 'incremental'] as const;

/** Where the bytes of a database are. One b-tree per read transaction, so that a checkpoint is not held back for long. */
export function measureSpace(
  request: SpaceRequest,
  context: OperationContext,
): { data: SpaceData; findings: Finding[] } {
  const connection = openReadOnly(request.path, { ...context, busyTimeoutMs: request.busyTimeoutMs });
  try {
    const found = request.consistent
      ? connection.read(() => collect(connection, request, context))
      : collect(connection, request, context);
    const { earlier } = request;
    const growth = earlier === undefined ? null : growthSince(earlier, found, context.clock.wallTime());
    const data = { ...found, growth };
    return { data, findings: spaceFindings(data, request.reclaimWarning) };
  } finally {
    connection.close();
  }
}

function collect(connection: Connection, request: SpaceRequest, context: OperationContext): Omit<SpaceData, 'growth'> {
  const shot = <T>(work: () => T): T =>
    retryWhileBusy(() => connection.read(work), { ...context, deadlineMs: request.busyTimeoutMs, path: request.path });
  const number = (name: string): number => Number(connection.pragmaValue(name) ?? 0);
  const file = shot(() => ({
    pages: number('page_count'),
    pageBytes: number('page_size'),
    freelistPages: number('freelist_count'),
    autoVacuum: autoVacuumNames[number('auto_vacuum')] ?? 'none',
    btrees: wanted(listBtrees(connection), request.object),
  }));
  const measure = request.pages ? btreeUsage : btreeTotals;
  const task = context.progress.start({ id: 'space', label: 'measuring', unit: 'pages', total: file.pages });
  const usages = file.btrees.map((btree) => {
    throwIfCancelled(context.signal);
    const usage = shot(() => measure(connection, btree, file.pageBytes));
    task.advance(usage.pages);
    return usage;
  });
  task.done();
  // A table that was dropped after the list was read has no pages left.
  return summarize(
    request,
    file,
    usages.filter((usage) => usage.pages > 0),
  );
}

function wanted(btrees: readonly Btree[], object: string | undefined): Btree[] {
  if (object === undefined) return [...btrees];
  const lower = object.toLowerCase();
  const found = btrees.filter(
    (btree) => btree.name.toLowerCase() === lower || (btree.kind === 'index' && btree.table.toLowerCase() === lower),
  );
  if (found.length === 0) {
    throw new TradedbError('usage', `there is no table or index ${JSON.stringify(object)} in this database`, {
      hint: 'list them with: tradedb analyze space',
    });
  }
  return found;
}

function summarize(
  request: SpaceRequest,
  file: { pages: number; pageBytes: number; freelistPages: number; autoVacuum: SpaceData['autoVacuum'] },
  usages: readonly BtreeUsage[],
): Omit<SpaceData, 'growth'> {
  const fileBytes = file.pages * file.pageBytes;
  const bytesOf = (kind: BtreeUsage['kind']): number =>
    usages.filter((usage) => usage.kind === kind).reduce((sum, usage) => sum + usage.sizeBytes, 0);
  const autoVacuum = file.autoVacuum !== 'none';
  const reclaimPages = usages.reduce((sum, usage) => sum + usage.reclaimPages, 0);
  const reclaim = request.object === undefined ? reclaimBytes({ ...file, autoVacuum, reclaimPages }) : null;
  return {
    path: request.path,
    fileBytes,
    pageBytes: file.pageBytes,
    pages: file.pages,
    freelistBytes: file.freelistPages * file.pageBytes,
    pointerMapBytes: autoVacuum ? pointerMapPages(file.pages, file.pageBytes) * file.pageBytes : 0,
    tableBytes: bytesOf('table'),
    indexBytes: bytesOf('index'),
    reclaimBytes: reclaim,
    reclaimShare: reclaim === null || fileBytes === 0 ? null : reclaim / fileBytes,
    autoVacuum: file.autoVacuum,
    objects: usages
      .map((usage) => ({ ...usage, shareOfFile: file.pages === 0 ? 0 : usage.pages / file.pages }))
      .sort((a, b) => b.pages - a.pages || (a.name < b.name ? -1 : 1)),
  };
}

function spaceFindings(data: SpaceData, warningShare: number): Finding[] {
  if (data.reclaimShare === null || data.reclaimBytes === null || data.reclaimShare < warningShare) return [];
  const percent = Math.round(data.reclaimShare * 100);
  return [
    {
      id: 'space.reclaimable',
      severity: 'warning',
      message: `${percent} % of the file would be returned by a vacuum`,
      hint: 'tradedb vacuum --dry-run',
      values: { reclaimBytes: data.reclaimBytes, fileBytes: data.fileBytes },
    },
  ];
}
