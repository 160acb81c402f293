import { existsSync } from 'node:fs';
import { TradedbError } from '../error.ts';
import { holdersOf } from '../file-access/lock-table.ts';
import { connectionsOf } from '../file-access/process-name.ts';

export interface DatabaseUser {
  readonly pid: number;
  readonly command: string;
}

/** Other processes that have the database, its WAL or its wal-index open, as far as the system lets us see. */
export function usersOf(path: string, ownPids: readonly number[]): DatabaseUser[] {
  const users = new Map<number, string>();
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    if (!existsSync(file)) continue;
    for (const { pid, command } of connectionsOf(file).openers) users.set(pid, command);
  }
  for (const { pid, command } of holdersOf(path) ?? []) users.set(pid, command);
  for (const pid of ownPids) users.delete(pid);
  return [...users].map(([pid, command]) => ({ pid, command })).sort((a, b) => a.pid - b.pid);
}

/** Exit 11, with pid and name of everybody who can be seen. */
export function inUseError(path: string, users: readonly DatabaseUser[]): TradedbError {
  const who =
    users.length === 0
      ? 'by a process that cannot be seen from here (another user, or another container)'
      : `by ${users.map(({ pid, command }) => `pid ${pid} (${command})`).join(', ')}`;
  return new TradedbError('restore_target_in_use', `${JSON.stringify(path)} is in use ${who}`, {
    hint: 'stop it and try again, or restore to a new file: --target <file>',
    details: { users },
  });
}
