import { join } from 'node:path';
import { type RecoverRequest, type RecoverResult, recover } from '../../src/core/health/recovery/recover.ts';
import { testContext } from './context.ts';

/** A recovery into a case folder of its own below `folder`, with no backup, no rules and no swap unless given. */
export function runRecovery(folder: string, path: string, parts: Partial<RecoverRequest> = {}): Promise<RecoverResult> {
  const caseFolder = join(folder, `case${Math.round(performance.now() * 1000)}`);
  return recover(
    {
      path,
      method: 'auto',
      caseFolder,
      resultPath: join(caseFolder, 'recovered.db'),
      schemaPath: undefined,
      includeFreed: false,
      includeWal: false,
      dryRun: false,
      resume: false,
      backupId: undefined,
      evidence: async () => 'there is no backup',
      rules: async () => [],
      swap: undefined,
      timeoutMs: 60_000,
      version: 'test',
      ...parts,
    },
    testContext(),
  );
}
