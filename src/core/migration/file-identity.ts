import { statSync } from 'node:fs';
import { TradedbError } from '../error.ts';

/** Device and inode: another pair behind the same path means that the database was replaced, for example by a restore. */
export interface FileIdentity {
  readonly device: number;
  readonly inode: number;
}

export function fileIdentity(path: string): FileIdentity | undefined {
  if (path === ':memory:') return undefined;
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? { device: -1, inode: -1 } : { device: stats.dev, inode: stats.ino };
}

export function requireSameFile(path: string, opened: FileIdentity | undefined): void {
  const now = fileIdentity(path);
  if (now?.device === opened?.device && now?.inode === opened?.inode) return;
  throw new TradedbError(
    'database_replaced',
    `database ${JSON.stringify(path)} was replaced by another file while migrations ran`,
    {
      hint: 'find out who replaced it (a restore?), then run: tradedb migrate status',
    },
  );
}
