import { existsSync } from 'node:fs';
import { TradedbError } from '../../core/error.ts';
import type { CommandContext } from '../definition.ts';
import type { MigrateUpData } from '../migrate/up.ts';

/** Everything that would keep --apply from working is found before the analysis takes its time. */
export async function prepareToApply(migrationFile: string | undefined, context: CommandContext): Promise<void> {
  if (context.dryRun) return;
  if (migrationFile !== undefined) {
    throw new TradedbError('usage', '--apply works with the migrations folder; --migration-file writes elsewhere', {
      hint: 'give one of them',
    });
  }
  await refusePending(context);
  // With a terminal the question comes when there is something to say yes to.
  if (!context.host.terminal.stdin) await ask(context);
}

async function ask(context: CommandContext): Promise<void> {
  await context.confirm(`apply the advice to ${JSON.stringify(context.databasePath())}?`);
}

async function refusePending(context: CommandContext): Promise<void> {
  const directory = context.resolveConfigured(context.config.migrations.directory);
  if (!existsSync(directory)) return;
  const { definition } = await import('../migrate/status.ts');
  const nothing = { dir: undefined, table: undefined, exitCode: false, diff: undefined };
  const { data } = await definition.run({ options: nothing, arguments: [] }, context);
  if (data.conflicts.length === 0 && data.pendingCount === 0) return;
  const what =
    data.conflicts.length > 0
      ? 'the migration history has a conflict'
      : `${data.pendingCount} other ${data.pendingCount === 1 ? 'migration is' : 'migrations are'} pending`;
  throw new TradedbError('usage', `--apply would apply more than the advice: ${what}`, {
    hint: 'see: tradedb migrate status',
  });
}

/** Applies the migration that was just written, with the lock, history, checks and backup of `migrate up`. */
export async function applyEmitted(path: string, context: CommandContext): Promise<MigrateUpData> {
  if (context.host.terminal.stdin) await ask(context);
  await refuseOthers(path, context);
  const { definition } = await import('../migrate/up.ts');
  const options = {
    dir: undefined,
    table: undefined,
    to: undefined,
    steps: 1,
    atomic: false,
    allowOutOfOrder: false,
    create: false,
    backup: undefined,
    lockTimeout: undefined,
    seed: false,
  };
  const { data } = await definition.run({ options, arguments: [] }, context);
  return data;
}

/** Somebody may have added another file while the analysis ran. */
async function refuseOthers(path: string, context: CommandContext): Promise<void> {
  const { definition } = await import('../migrate/status.ts');
  const nothing = { dir: undefined, table: undefined, exitCode: false, diff: undefined };
  const { data } = await definition.run({ options: nothing, arguments: [] }, context);
  if (data.pendingCount <= 1) return;
  throw new TradedbError('usage', 'another migration appeared while the analysis ran; nothing was applied', {
    hint: `${JSON.stringify(path)} is written; look at: tradedb migrate status`,
  });
}
