import { TradedbError } from '../../error.ts';
import { type ConnectedProcesses, isConnected, nameProcesses } from '../connected.ts';
import { type AutoVacuum, type DatabaseSpace, freeShare, pagesToFree } from '../space.ts';

/** How space is given back. `copy` makes a compact copy elsewhere and leaves the database alone. */
export type VacuumMethod = 'none' | 'incremental' | 'into' | 'full' | 'copy';

export interface PlanOptions {
  readonly method: 'auto' | 'incremental' | 'into' | 'full';
  /** Free share below which nothing is done. */
  readonly until: number;
  readonly convert: 'none' | 'incremental' | 'full';
  /** A compact copy goes there. */
  readonly to?: string;
  readonly walBudgetBytes: number;
  /** Only inside a maintenance window, and there is none now: when the next one starts, for people. */
  readonly outsideWindowUntil?: string;
}

export interface VacuumPlan {
  readonly method: VacuumMethod;
  readonly reason: string;
  /** Nothing can be done although it would be worth it; `ways` says what could be. */
  readonly blocked: boolean;
  readonly ways: readonly string[];
  readonly convertTo?: 'incremental' | 'full';
  readonly expected: {
    readonly freedPages: number;
    readonly freedBytes: number;
    /** Rough: other machines are faster or slower. 0 when nothing is done. */
    readonly durationMs: number;
    /** How long writers wait at a time. */
    readonly longestStallMs: number;
  };
  readonly needs: {
    readonly databaseFolderBytes: number;
    readonly temporaryBytes: number;
    readonly targetBytes: number;
  };
}

/** Pages per second on a small virtual machine: incremental at a duty of 0.3, and whole-file copies. */
const incrementalPagesPerSecond = 6000;
const copyBytesPerSecond = 60e6;

/** Chooses the way. Pure: the same facts give the same plan. Throws `usage` for what cannot work at all. */
export function planVacuum(space: DatabaseSpace, connected: ConnectedProcesses, options: PlanOptions): VacuumPlan {
  if (options.outsideWindowUntil !== undefined) {
    const reason = `outside of the maintenance windows; the next one starts ${options.outsideWindowUntil}`;
    return { ...nothing(reason), blocked: true, ways: ['run it without --window, or inside of one'] };
  }
  if (options.to !== undefined) return copyPlan(space, options);
  const share = freeShare(space);
  const convert = wantedConversion(space.autoVacuum, options.convert);
  refuseImpossible(space.autoVacuum, convert, options);

  if (convert === undefined && share <= options.until) {
    return nothing(
      `not worth it: ${percent(share)} of the file is free, which is not more than the ${percent(options.until)} of --until`,
    );
  }
  if (options.method === 'full') return fullPlan(space, convert);
  if (options.method === 'into') return intoPlan(space, convert, 'asked for');
  if (space.autoVacuum === 'incremental' && convert === undefined) return incrementalPlan(space, options);
  if (options.method === 'incremental') return nothing(`auto_vacuum is ${space.autoVacuum}: there are no free pages`);
  if (isConnected(connected)) return blockedPlan(space, connected, convert);
  const why = convert === undefined ? `auto_vacuum is ${space.autoVacuum}` : `auto_vacuum becomes ${convert}`;
  return intoPlan(space, convert, `${why} and nobody is connected`);
}

function wantedConversion(now: AutoVacuum, wanted: PlanOptions['convert']): 'incremental' | 'full' | undefined {
  return wanted === 'none' || wanted === now ? undefined : wanted;
}

function refuseImpossible(now: AutoVacuum, convert: string | undefined, options: PlanOptions): void {
  if (options.method !== 'incremental') return;
  if (convert !== undefined) {
    throw new TradedbError(
      'usage',
      `--convert ${convert} needs a rewrite of the file, which --method incremental is not`,
      {
        hint: 'leave --method away, or use --method into',
      },
    );
  }
  if (now === 'none') {
    throw new TradedbError(
      'usage',
      'an incremental vacuum frees nothing in this database: its auto_vacuum is none, and SQLite would say nothing',
      { hint: 'convert it once, while nobody is connected: tradedb vacuum run --convert incremental' },
    );
  }
}

const noNeeds = { databaseFolderBytes: 0, temporaryBytes: 0, targetBytes: 0 };

function nothing(reason: string): VacuumPlan {
  return {
    method: 'none',
    reason,
    blocked: false,
    ways: [],
    expected: { freedPages: 0, freedBytes: 0, durationMs: 0, longestStallMs: 0 },
    needs: noNeeds,
  };
}

function incrementalPlan(space: DatabaseSpace, options: PlanOptions): VacuumPlan {
  const pages = pagesToFree(space, options.until);
  return {
    ...nothing('auto_vacuum is incremental: pages can be given back in small steps beside the writers'),
    method: 'incremental',
    expected: {
      freedPages: pages,
      freedBytes: pages * space.pageSizeBytes,
      durationMs: (pages / incrementalPagesPerSecond) * 1000,
      longestStallMs: 50,
    },
    needs: { ...noNeeds, databaseFolderBytes: 2 * options.walBudgetBytes },
  };
}

function rewrite(space: DatabaseSpace): VacuumPlan['expected'] {
  const live = liveBytes(space);
  return {
    freedPages: space.freePages,
    freedBytes: space.freePages * space.pageSizeBytes,
    durationMs: (live / copyBytesPerSecond) * 1000,
    longestStallMs: (live / copyBytesPerSecond) * 1000,
  };
}

function intoPlan(space: DatabaseSpace, convertTo: 'incremental' | 'full' | undefined, reason: string): VacuumPlan {
  return {
    ...nothing(`${reason}: a compact copy is made, verified and put in place`),
    method: 'into',
    ...(convertTo === undefined ? {} : { convertTo }),
    expected: rewrite(space),
    needs: { ...noNeeds, databaseFolderBytes: liveBytes(space) },
  };
}

function fullPlan(space: DatabaseSpace, convertTo: 'incremental' | 'full' | undefined): VacuumPlan {
  return {
    ...nothing('asked for: SQLite rewrites the file in place, and every writer waits for the whole length'),
    method: 'full',
    ...(convertTo === undefined ? {} : { convertTo }),
    expected: rewrite(space),
    needs: { databaseFolderBytes: liveBytes(space), temporaryBytes: liveBytes(space), targetBytes: 0 },
  };
}

function copyPlan(space: DatabaseSpace, options: PlanOptions): VacuumPlan {
  const convertTo = wantedConversion(space.autoVacuum, options.convert);
  return {
    ...nothing('a compact copy beside the running database, which is left as it is'),
    method: 'copy',
    ...(convertTo === undefined ? {} : { convertTo }),
    expected: { ...rewrite(space), longestStallMs: 0 },
    needs: { ...noNeeds, targetBytes: liveBytes(space) },
  };
}

function blockedPlan(
  space: DatabaseSpace,
  connected: ConnectedProcesses,
  convertTo: 'incremental' | 'full' | undefined,
): VacuumPlan {
  const why =
    convertTo === undefined
      ? `auto_vacuum is ${space.autoVacuum}, so the file has to be rewritten`
      : `a conversion to auto_vacuum ${convertTo} rewrites the file`;
  return {
    ...nothing(`${why}, and the database is in use by ${nameProcesses(connected)}`),
    blocked: true,
    ways: [
      'stop the processes that use the database, then run this again',
      'make a compact copy beside the running database: tradedb vacuum run --to <file>',
    ],
    expected: rewrite(space),
  };
}

function liveBytes(space: DatabaseSpace): number {
  return (space.pageCount - space.freePages) * space.pageSizeBytes;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
