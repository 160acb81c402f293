import { WalChecksum } from '../file-format/wal-checksum.ts';
import { PageSource } from './page-source.ts';
import type { WalMemory } from './run-state.ts';
import type { HealthTarget } from './target.ts';

/** Pages whose images are remembered. A commit always writes several, and page 1 is among them when the file grows. */
const keptPages = 8;

/** 64 bits that tell an image from another one; a missing or torn page has a text of its own. */
function digest(page: Uint8Array): string {
  if (page.length % 8 !== 0) return `torn ${page.length}`;
  const { first, second } = new WalChecksum('little').update(page);
  return `${page.length} ${first.toString(16)} ${second.toString(16)}`;
}

/** What the next run needs to notice that the WAL was taken away: pages whose newest image is only in it. */
export function rememberWal(target: HealthTarget): WalMemory | undefined {
  const { wal, index, files, pageSize } = target;
  const backfilled = index?.backfilledFrames ?? 0;
  if (wal.header === undefined || wal.committedFrames <= backfilled || wal.fault !== undefined) return undefined;
  const source = new PageSource(target);
  const pages: { page: number; inWal: string; inFile: string }[] = [];
  for (const [page, frame] of wal.frameOf) {
    if (frame <= backfilled || frame > wal.committedFrames) continue;
    const inWal = source.read(page);
    const inFile = files.read('database', (page - 1) * pageSize, pageSize);
    if (inWal === undefined) continue;
    const entry = { page, inWal: digest(inWal), inFile: digest(inFile) };
    if (entry.inWal !== entry.inFile) pages.push(entry);
    if (pages.length === keptPages) break;
  }
  if (pages.length === 0) return undefined;
  const { salt1, salt2 } = wal.header;
  return { salt1, salt2, maxFrame: wal.committedFrames, backfilledFrames: backfilled, pages };
}

/**
 * Proof that commits seen earlier are gone: their WAL is no longer there, and all remembered pages of the database are
 * exactly as old as they were then. A checkpoint would have changed them.
 */
export function lostCommits(target: HealthTarget, memory: WalMemory | undefined): string | undefined {
  if (memory === undefined || memory.pages.length === 0) return undefined;
  const { wal, files, pageSize } = target;
  const sameWal = wal.header?.salt1 === memory.salt1 && wal.header.salt2 === memory.salt2;
  if (sameWal && wal.committedFrames >= memory.maxFrame) return undefined;
  const source = new PageSource(target);
  const stillOld = memory.pages.every(({ page, inFile }) => {
    const now = source.read(page) ?? files.read('database', (page - 1) * pageSize, pageSize);
    return digest(now) === inFile;
  });
  if (!stillOld) return undefined;
  const frames = memory.maxFrame - memory.backfilledFrames;
  const what = sameWal ? 'were cut off the WAL' : 'were in a WAL that is gone';
  return `${frames} committed frames seen at the last look ${what} before they reached the database`;
}
