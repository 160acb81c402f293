import { rmSync } from 'node:fs';
import type { OperationContext } from '../../context.ts';
import { openReadWrite } from '../../sqlite/connection.ts';
import { fullProfile } from '../../sqlite/pragma-profile.ts';
import { materialize } from './materialize.ts';
import type { SalvageSource } from './salvage-source.ts';

/** Every row through SQLite into a new file: for damage that touches free pages and bookkeeping only. */
export function vacuumInto(source: SalvageSource, resultPath: string, context: OperationContext): void {
  const work = `${resultPath}-source`;
  try {
    materialize(source, work, context);
    const connection = openReadWrite(work, { ...fullProfile, foreignKeys: false }, context);
    try {
      connection.run('VACUUM INTO ?', [resultPath]);
    } finally {
      connection.close();
    }
  } finally {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${work}${suffix}`, { force: true });
  }
}
