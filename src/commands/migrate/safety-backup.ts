import { statSync } from 'node:fs';
import { TradedbError } from '../../core/error.ts';
import type { Section } from '../../core/migration/migration.ts';
import type { Connection } from '../../core/sqlite/connection.ts';
import type { CommandContext } from '../definition.ts';
import { openForReading } from './settings.ts';

export const backupOption = {
  type: 'choice',
  choices: ['auto', 'always', 'never'],
  summary: 'verified backup before the first write; auto: when rows would be dropped or overwritten',
  config: 'migrations.safetyBackup',
} as const;

/** The backup that was made before a run. */
export interface SafetyBackup {
  readonly id: string;
  readonly repository: string;
  readonly sizeBytes: number;
}

/** The backup says before which run it was made: that is how undo finds it. */
export function safetyLabel(run: string): string {
  return `before-migration ${run}`;
}

interface Request {
  readonly database: string;
  /** Id of the run that follows. */
  readonly run: string;
  readonly mode: 'auto' | 'always' | 'never';
  /** How long to wait for somebody else's backup. */
  readonly timeoutMs: number;
  /** What is to run; asked again after waiting, because another process may have run it meanwhile. */
  sections(connection: Connection): readonly Section[];
}

const pollMs = 200;

/** Backs the database up when the run would lose data. Null when there is nothing to lose. */
export async function backUpBefore(request: Request, context: CommandContext): Promise<SafetyBackup | null> {
  const started = context.clock.now();
  while (await isNeeded(request, context)) {
    try {
      return await makeBackup(safetyLabel(request.run), context);
    } catch (error) {
      const held = error instanceof TradedbError && error.code === 'lease_held';
      if (!held || context.clock.now() - started >= request.timeoutMs) throw error;
      await context.clock.sleep(pollMs, context.signal);
    }
  }
  return null;
}

async function isNeeded(request: Request, context: CommandContext): Promise<boolean> {
  const { database, mode } = request;
  const size = statSync(database, { throwIfNoEntry: false })?.size ?? 0;
  if (mode === 'never' || size === 0) return false;
  const { losesData } = await import('../../core/migration/loses-data.ts');
  const connection = await openForReading(database, context);
  try {
    const sections = request.sections(connection);
    return sections.length > 0 && (mode === 'always' || losesData(connection, sections));
  } finally {
    connection.close();
  }
}

/** The command that the operator would type: same repository, same verification. */
export async function makeBackup(label: string, context: CommandContext): Promise<SafetyBackup> {
  const { definition } = await import('../backup/create.ts');
  const options = {
    repository: undefined,
    type: 'auto',
    label,
    keep: undefined,
    codec: undefined,
    method: 'pages',
    workers: undefined,
    maxWal: undefined,
    waitLock: 0,
    verify: undefined,
  } as const;
  const { data } = await definition.run({ options, arguments: [] }, context);
  if (data.backup === null || data.verification?.passed === false) {
    throw new TradedbError(
      'backup_failed',
      'the backup before the first write did not pass its verification; nothing was changed',
      {
        hint: 'see: tradedb backup verify, or run with --backup never',
      },
    );
  }
  return { id: data.backup.id, repository: data.repository.name, sizeBytes: data.bytes?.stored ?? 0 };
}
