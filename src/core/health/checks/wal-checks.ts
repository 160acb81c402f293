import { formatByteSize } from '../../config/byte-size.ts';
import { parseDatabaseHeader } from '../../file-format/database-header.ts';
import { type CheckOutcome, finding, type HealthCheck } from '../check.ts';
import type { HealthTarget } from '../target.ts';
import { judge } from '../threshold.ts';
import { lostCommits } from '../wal-memory.ts';

const hint = 'copy the database and all files beside it before anything else; see: tradedb health recover --dry-run';

function damage(id: string, message: string): CheckOutcome {
  return { summary: message, damage: true, findings: [finding(id, 'critical', message, { hint })] };
}

export const walChain: HealthCheck = {
  id: 'wal.chain',
  sentence: 'the checksums of the WAL are unbroken up to its last commit',
  cost: 'cheap',
  run({ target }) {
    const { wal } = target;
    if (wal.fault?.kind === 'chain') return damage('wal.chain', wal.fault.message);
    if (wal.committedFrames === 0) return { summary: 'no frames' };
    const verified = wal.framesVerified < wal.committedFrames ? `, the last ${wal.framesVerified} verified` : '';
    return { summary: `${wal.committedFrames} frames${verified}`, value: wal.framesVerified, unit: 'count' };
  },
};

/** Facts of page 1 that no transaction of the same database changes. */
const fixedFields = ['pageSizeBytes', 'reservedBytes', 'textEncoding'] as const;

export const walForeign: HealthCheck = {
  id: 'wal.foreign',
  sentence: 'the WAL belongs to this database',
  cost: 'cheap',
  run(input) {
    const { wal } = input.target;
    if (wal.fault?.kind === 'foreign') return damage('wal.foreign', wal.fault.message);
    const file = parseDatabaseHeader(input.target.headerBytes);
    if (wal.header === undefined) {
      const leftover = wal.fileBytes > 0 && wal.fileBytes >= 32;
      return { summary: leftover ? 'SQLite ignores it: its header is not valid' : 'no WAL' };
    }
    if (wal.committedFrames === 0 || file === undefined) return { summary: 'no frames' };
    const reason = foreignReason(input.target);
    if (reason === undefined) return { summary: `generation ${wal.header.salt1}` };
    return damage('wal.foreign', `the -wal file is not of this database: ${reason}; the next open would replay it`);
  },
};

/** Why the WAL cannot be of this database, or undefined. */
export function foreignReason(target: HealthTarget): string | undefined {
  const file = parseDatabaseHeader(target.headerBytes);
  const { wal, header } = target;
  if (file === undefined || wal.header === undefined) return undefined;
  if (wal.header.pageSizeBytes !== file.pageSizeBytes) {
    return `its pages have ${wal.header.pageSizeBytes} bytes, those of the database ${file.pageSizeBytes}`;
  }
  if (!wal.frameOf.has(1) || header === undefined) return undefined;
  const different = file.textEncoding === 'unset' ? undefined : fixedFields.find((name) => header[name] !== file[name]);
  if (different !== undefined) return `${different} is ${header[different]} there and ${file[different]} in the file`;
  // The change counter only grows: a WAL that is behind the file was left over from before the file was written.
  const behind = (file.changeCounter - header.changeCounter) >>> 0;
  if (behind > 0 && behind < 0x8000_0000) return `it is ${behind} changes older than the file`;
  return undefined;
}

export const walLost: HealthCheck = {
  id: 'wal.lost',
  sentence: 'commits that were in the WAL at the last look are still there',
  cost: 'cheap',
  run(input) {
    const { wal } = input.target;
    if (wal.fault?.kind === 'lost') return damage('wal.lost', wal.fault.message);
    const lost = lostCommits(input.target, input.previous.wal);
    if (lost !== undefined) return damage('wal.lost', lost);
    return { summary: input.previous.wal === undefined ? 'nothing to compare with yet' : 'nothing is missing' };
  },
};

export const walBacklog: HealthCheck = {
  id: 'wal.backlog',
  sentence: 'checkpoints keep up with the writers',
  cost: 'cheap',
  run({ target, thresholds }) {
    const { index, wal, pageSize } = target;
    const frames = index === undefined ? wal.committedFrames : index.maxFrame - index.backfilledFrames;
    const bytes = frames * (pageSize + 24);
    const summary =
      frames === 0
        ? 'everything is in the database file'
        : `${frames} frames (${formatByteSize(bytes)}) not yet checkpointed`;
    const base = { summary, value: bytes, unit: 'bytes' } as const;
    const severity = judge(bytes, thresholds['wal.backlog']);
    if (severity === 'ok') return base;
    const behind = `${formatByteSize(bytes)} of the WAL wait for a checkpoint`;
    return {
      ...base,
      findings: [
        finding('wal.backlog', severity, behind, {
          hint: 'look for a long reader (wal.reader), then: tradedb vacuum checkpoint',
          values: { frames, bytes },
        }),
      ],
    };
  },
};
