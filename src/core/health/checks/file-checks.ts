import { formatByteSize } from '../../config/byte-size.ts';
import type { DatabaseHeaderProblem } from '../../file-format/database-header.ts';
import { type CheckInput, type CheckOutcome, finding, type HealthCheck } from '../check.ts';
import { judge } from '../threshold.ts';

const recoverHint = 'do not open it with other tools; see: tradedb health recover --dry-run';

const problemTexts: Readonly<Record<DatabaseHeaderProblem, string>> = {
  short: 'the file is shorter than the header of a database',
  magic: 'it is not an SQLite database, it is encrypted, or its header is destroyed',
  'page-size': 'the page size in the header is impossible',
  'payload-fractions': 'the header is damaged',
  versions: 'the format version in the header is unknown',
};

export const fileKind: HealthCheck = {
  id: 'file.kind',
  sentence: 'the file begins with the header of an SQLite database',
  cost: 'cheap',
  run({ target }) {
    const problem = target.headerProblem;
    if (problem === undefined) return { summary: `SQLite database, pages of ${target.pageSize} bytes` };
    const message = problemTexts[problem];
    return {
      summary: message,
      damage: true,
      findings: [finding('file.kind', 'critical', message, { hint: 'check the path; restore with: tradedb restore' })],
    };
  },
};

export const fileSize: HealthCheck = {
  id: 'file.size',
  sentence: 'the file is as long as its page count says',
  cost: 'cheap',
  run({ target }) {
    const { pageSize, pageCount, sizeBytes, wal } = target;
    const wholePages = Math.floor(sizeBytes / pageSize);
    const values = { sizeBytes, expectedBytes: pageCount * pageSize };
    let missing = 0;
    for (let page = wholePages + 1; page <= pageCount; page++) if (!wal.frameOf.has(page)) missing += 1;
    if (missing > 0) {
      const message = `the file is truncated: ${missing} of ${pageCount} pages are missing`;
      return {
        summary: message,
        damage: true,
        findings: [finding('file.size', 'critical', message, { hint: recoverHint, values })],
      };
    }
    // Pages behind the end are dropped by the next checkpoint: while somebody works in the WAL they mean nothing.
    const settled = target.index === undefined && wal.committedFrames === 0;
    if (settled && sizeBytes > pageCount * pageSize) {
      const message = `the file is ${formatByteSize(sizeBytes - pageCount * pageSize)} longer than its ${pageCount} pages`;
      const hint = 'an interrupted transaction, or something was appended: see tradedb health --full';
      return { summary: message, findings: [finding('file.size', 'warning', message, { hint, values })] };
    }
    return { summary: `${formatByteSize(sizeBytes)}, ${pageCount} pages`, value: sizeBytes, unit: 'bytes' };
  },
};

export const fileAccess: HealthCheck = {
  id: 'file.access',
  sentence: 'the file and its folder can be written by somebody, and not by everybody',
  cost: 'cheap',
  run({ target }) {
    const writable = 0o222;
    const everybody = 0o002;
    const findings = [];
    if ((target.mode & writable) === 0) findings.push(finding('file.access', 'warning', 'the file is read-only'));
    if ((target.folderMode & writable) === 0) {
      const message = 'the folder is read-only: no -wal or -journal can be created';
      findings.push(finding('file.access', 'warning', message));
    }
    if ((target.mode & everybody) !== 0) {
      const hint = 'chmod o-w';
      findings.push(finding('file.access', 'warning', 'every user of the machine may write to the file', { hint }));
    }
    return { summary: findings[0]?.message ?? `mode ${(target.mode & 0o777).toString(8)}`, findings };
  },
};

export const fileSystem: HealthCheck = {
  id: 'file.system',
  sentence: 'the file system keeps locks and survives a power failure as SQLite needs it',
  cost: 'cheap',
  run({ target }) {
    const { type, kind } = target.fileSystem;
    const reasons: Partial<Record<typeof kind, string>> = {
      network: 'file locks over a network are unreliable, and WAL needs shared memory',
      overlay: 'a database in an image layer is copied at the first write, and lost with the container',
      userspace: 'locks and fsync depend on the FUSE driver',
    };
    const reason = reasons[kind];
    if (reason === undefined) return { summary: type };
    const message = `the file is on ${type}: ${reason}`;
    const hint = 'move the database to a local disk';
    return { summary: message, findings: [finding('file.system', 'warning', message, { hint })] };
  },
};

export const fileSpace: HealthCheck = {
  id: 'file.space',
  sentence: 'the disk has room for growth and for a full vacuum',
  cost: 'cheap',
  run({ target, thresholds }) {
    const { freeBytes, freeInodes, totalInodes, totalBytes } = target.fileSystem;
    if (totalBytes === 0) return { summary: 'free space unknown', unknown: 'the file system tells no sizes' };
    const live = (target.pageCount - (target.header?.freelistPages ?? 0)) * target.pageSize;
    const base = { summary: `${formatByteSize(freeBytes)} free`, value: freeBytes, unit: 'bytes' } as const;
    const values = { freeBytes, liveBytes: live };
    const found = (severity: 'warning' | 'critical', message: string): CheckOutcome => ({
      ...base,
      summary: message,
      findings: [finding('file.space', severity, message, { hint: 'free some space or move old data away', values })],
    });
    if (freeInodes === 0) return found('critical', 'no inode is free: SQLite cannot create its journal');
    const absolute = judge(freeBytes, thresholds['file.space']);
    if (absolute === 'critical') return found('critical', `only ${formatByteSize(freeBytes)} free`);
    if (freeBytes < 1.2 * live) {
      return found(
        'critical',
        `${formatByteSize(freeBytes)} free, even a compact copy needs ${formatByteSize(1.2 * live)}`,
      );
    }
    if (absolute === 'warning') return found('warning', `only ${formatByteSize(freeBytes)} free`);
    if (freeBytes < 2 * live) {
      return found('warning', `${formatByteSize(freeBytes)} free, a full vacuum needs ${formatByteSize(2 * live)}`);
    }
    if (freeInodes !== undefined && freeInodes < fewInodes(totalInodes ?? 0)) {
      return found('warning', `only ${freeInodes} of ${totalInodes} inodes are free: without one no -wal can be made`);
    }
    return base;
  },
};

/** One in a hundred; of a file system with very many, still enough for a while. */
function fewInodes(total: number): number {
  return Math.min(10_000, Math.ceil(total / 100));
}

export const databaseSize: HealthCheck = {
  id: 'database.size',
  sentence: 'the database is smaller than the limits of alerts.thresholds.databaseSize',
  cost: 'cheap',
  run({ target, thresholds }: CheckInput) {
    const severity = judge(target.sizeBytes, thresholds['database.size']);
    const summary = formatByteSize(target.sizeBytes);
    const base = { summary, value: target.sizeBytes, unit: 'bytes' } as const;
    if (severity === 'ok') return base;
    const message = `the database has grown to ${summary}`;
    return { ...base, findings: [finding('database.size', severity, message, { hint: 'see: tradedb analyze space' })] };
  },
};
