import { readFileSync, realpathSync, statSync } from 'node:fs';
import { processCommand, processStartTime } from './process-name.ts';

/**
 * Who holds which of SQLite's lock bytes, read from the kernel's lock table. Looking takes no lock and opens neither the
 * database nor its `-shm`.
 *
 * A missing line does not prove that nobody is there: a process in another container is not listed, a connection that
 * has run no statement yet holds no lock, and lock files or `unix-none` leave no trace at all.
 */

/** One lock of the kernel's table; positions are file offsets, both inclusive. */
export interface LockLine {
  readonly pid: number;
  readonly exclusive: boolean;
  /** `major:minor:inode` as the table writes it. */
  readonly file: string;
  readonly first: number;
  readonly last: number;
}

export interface HeldLock {
  readonly file: 'database' | 'wal-index';
  readonly exclusive: boolean;
  /** Names of the bytes, such as `SHARED`, `WRITE`, `READ1`, `DMS`. */
  readonly bytes: readonly string[];
}

export interface Holder {
  readonly pid: number;
  /** Start of the process in clock ticks since boot: a pid alone can be used again. Empty when it cannot be read. */
  readonly startTime: string;
  /** Command line with its arguments; `?` when it cannot be read. */
  readonly command: string;
  /** Names of all bytes the process holds on the database and its WAL-index. */
  readonly bytes: readonly string[];
  readonly locks: readonly HeldLock[];
}

const pendingByte = 0x40000000;

/** Names from os.h (main file) and wal.c (WAL-index) of SQLite. */
const databaseBytes: readonly (readonly [name: string, first: number, last: number])[] = [
  ['PENDING', pendingByte, pendingByte],
  ['RESERVED', pendingByte + 1, pendingByte + 1],
  ['SHARED', pendingByte + 2, pendingByte + 511],
];

const indexBytes: readonly (readonly [name: string, first: number, last: number])[] = [
  ['WRITE', 120, 120],
  ['CKPT', 121, 121],
  ['RECOVER', 122, 122],
  ['READ0', 123, 123],
  ['READ1', 124, 124],
  ['READ2', 125, 125],
  ['READ3', 126, 126],
  ['READ4', 127, 127],
  ['DMS', 128, 128],
];

/** The locks that are held; requests that wait (`->`) and whole-file locks of other kinds are left out. */
export function parseLockTable(text: string): LockLine[] {
  const lines: LockLine[] = [];
  for (const line of text.split('\n')) {
    const match = /^\d+: POSIX +\S+ +(READ|WRITE) +(\d+) +(\S+) +(\d+) +(\d+|EOF)/.exec(line.trim());
    if (match === null) continue;
    lines.push({
      exclusive: match[1] === 'WRITE',
      pid: Number(match[2]),
      file: match[3] ?? '',
      first: Number(match[4]),
      last: match[5] === 'EOF' ? Number.MAX_SAFE_INTEGER : Number(match[5]),
    });
  }
  return lines;
}

/** The table's name for a file: device in hexadecimal, inode in decimal. */
export function lockTableName(device: bigint, inode: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  const hex = (value: bigint): string => value.toString(16).padStart(2, '0');
  return `${hex(major)}:${hex(minor)}:${inode}`;
}

/** Names of the lock bytes that a range covers. */
export function lockByteNames(file: HeldLock['file'], first: number, last: number): string[] {
  const table = file === 'database' ? databaseBytes : indexBytes;
  return table.filter(([, start, end]) => first <= end && last >= start).map(([name]) => name);
}

/** The kernel's lock table, or undefined where there is none (not Linux, or not readable). */
export function readLockTable(): LockLine[] | undefined {
  try {
    return parseLockTable(readFileSync('/proc/locks', 'latin1'));
  } catch {
    return undefined;
  }
}

/**
 * The processes that hold a lock on the database at `path` or on its WAL-index, own process included, by pid.
 * Undefined where the system has no lock table; an empty list means "none seen", not "none there".
 */
export function holdersOf(path: string): Holder[] | undefined {
  const table = readLockTable();
  if (table === undefined) return undefined;
  const real = realPath(path);
  const files = new Map<string, HeldLock['file']>();
  addFile(files, real, 'database');
  addFile(files, `${real}-shm`, 'wal-index');
  const byPid = new Map<number, HeldLock[]>();
  for (const line of table) {
    const file = files.get(line.file);
    if (file === undefined) continue;
    const locks = byPid.get(line.pid) ?? [];
    locks.push({ file, exclusive: line.exclusive, bytes: lockByteNames(file, line.first, line.last) });
    byPid.set(line.pid, locks);
  }
  return [...byPid]
    .sort(([a], [b]) => a - b)
    .map(([pid, locks]) => ({
      pid,
      startTime: processStartTime(pid),
      command: processCommand(pid),
      bytes: [...new Set(locks.flatMap((lock) => lock.bytes))],
      locks,
    }));
}

/** True when some holder has the byte of every process that uses the WAL: only then is the `-shm` current. */
export function walIndexInUse(holders: readonly Holder[] | undefined): boolean {
  return holders?.some((holder) => holder.bytes.includes('DMS')) === true;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function addFile(files: Map<string, HeldLock['file']>, path: string, kind: HeldLock['file']): void {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats !== undefined) files.set(lockTableName(stats.dev, stats.ino), kind);
}
