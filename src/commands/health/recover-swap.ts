import { existsSync, realpathSync, statSync } from 'node:fs';
import { chmod, chown } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TradedbError } from '../../core/error.ts';
import type { SwapPlaces, SwapPort } from '../../core/health/recovery/recover.ts';
import { ownerOf } from '../backup/repository-option.ts';
import type { CommandContext } from '../definition.ts';

/** Puts a recovered file in the place of the damaged one, with the exchange of `restore`. The damaged file is not opened. */
export function swapPort(context: CommandContext): SwapPort {
  return {
    async prepare(places) {
      requireOneFileSystem(places);
      const { inUseError, usersOf } = await import('../../core/restore/in-use.ts');
      const users = usersOf(places.target, [context.host.pid]);
      if (users.length > 0) throw inUseError(places.target, users);
      await context.confirm(
        `Put the recovered file in the place of ${JSON.stringify(places.target)}? All services that use it must be stopped.`,
      );
    },
    run: (places) => exchange(places, context),
  };
}

/** Renames do not cross file systems, and a copy could be cut by a crash. */
function requireOneFileSystem({ target, result, aside }: SwapPlaces): void {
  const devices = new Set([target, result, dirname(aside)].filter(existsSync).map((path) => statSync(path).dev));
  if (devices.size <= 1) return;
  throw new TradedbError('unsupported', 'the case folder and the database lie on different file systems', {
    hint: 'give a --case folder beside the database, or put the recovered file in place by hand',
  });
}

async function exchange({ target, result, aside }: SwapPlaces, context: CommandContext): Promise<void> {
  const real = existsSync(target) ? realpathSync(target) : target;
  const [{ swapIn }, { resumeSwap }, { readIntent }, { digestOfFile }, lease] = await Promise.all([
    import('../../core/restore/swap.ts'),
    import('../../core/restore/resume.ts'),
    import('../../core/restore/intent.ts'),
    import('../../core/restore/file-digest.ts'),
    import('../../core/lease.ts'),
  ]);
  const options = { checkpoint: false, force: false, ownPid: context.host.pid, withoutOpening: true };
  const held = lease.acquireLease(
    {
      directory: lease.databaseLeaseFolder(context.stateDirectory()),
      name: lease.databaseLeaseName(real),
      purpose: 'health recover',
      owner: ownerOf(context),
    },
    context,
  );
  try {
    if ((await readIntent(real)) !== undefined) {
      const resumed = await resumeSwap(real, 'complete', options, context);
      if (resumed?.outcome !== 'completed') throw halfDone(real, 'the recovered file is not whole any more');
      return;
    }
    // The exchange was finished before the interruption.
    if (!existsSync(result) && existsSync(aside)) return;
    await takeOverAccess(real, result);
    const stats = statSync(result);
    const pageSizeBytes = await pageSizeOf(result);
    const digest = await digestOfFile(result, pageSizeBytes, context);
    if (digest === undefined) throw new TradedbError('checksum_mismatch', 'the recovered file has no whole pages');
    const intent = {
      format: 1,
      id: Buffer.from(context.random.bytes(3)).toString('hex'),
      target: real,
      partial: result,
      partialInode: stats.ino,
      sizeBytes: stats.size,
      pageSizeBytes,
      digest,
      aside,
      hadDatabase: true,
      discardOld: false,
      pointId: 'recovered',
      startedAt: new Date(context.clock.wallTime()).toISOString(),
    } as const;
    await swapIn(intent, options, context);
  } catch (error) {
    if ((await readIntent(real)) === undefined) throw error;
    throw halfDone(real, error instanceof Error ? error.message : String(error));
  } finally {
    held.release();
  }
}

function halfDone(target: string, why: string): TradedbError {
  return new TradedbError('restore_pending', `the exchange of ${JSON.stringify(target)} is half done: ${why}`, {
    hint: 'go on with: tradedb health recover --resume <case folder>',
  });
}

async function pageSizeOf(path: string): Promise<number> {
  const { gatherTarget } = await import('../../core/health/target.ts');
  const target = gatherTarget(path);
  target.files.close();
  return target.pageSize;
}

/** Whoever could use the old file can use the new one. Only root may give a file to somebody else. */
async function takeOverAccess(target: string, result: string): Promise<void> {
  const old = statSync(target, { throwIfNoEntry: false });
  if (old === undefined) return;
  const fresh = statSync(result);
  if (fresh.uid !== old.uid || fresh.gid !== old.gid) await chown(result, old.uid, old.gid);
  await chmod(result, old.mode & 0o7777);
}
