import { chmodSync, copyFileSync, existsSync } from 'node:fs';
import type { OperationContext } from '../../context.ts';
import { openReadWrite } from '../../sqlite/connection.ts';
import { fullProfile } from '../../sqlite/pragma-profile.ts';

/** Lets SQLite bring a copy of the frozen files to their last commit: the WAL is written back, a hot journal rolled back. */
export function replay(
  frozenDatabase: string,
  resultPath: string,
  options: { readonly withWal: boolean },
  context: OperationContext,
): void {
  for (const suffix of ['', '-journal', ...(options.withWal ? ['-wal'] : [])]) {
    if (!existsSync(`${frozenDatabase}${suffix}`)) continue;
    copyFileSync(`${frozenDatabase}${suffix}`, `${resultPath}${suffix}`);
    chmodSync(`${resultPath}${suffix}`, 0o600);
  }
  const connection = openReadWrite(resultPath, { ...fullProfile, foreignKeys: false }, context);
  try {
    connection.value('SELECT count(*) FROM sqlite_schema');
    connection.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    connection.close();
  }
}
