import type { CommandContext } from '../definition.ts';

/** Runs `work` under the lease that backup, migration and maintenance share; `lease_held` names who has it. */
export async function underDatabaseLease<T>(
  database: string,
  purpose: string,
  context: CommandContext,
  work: () => Promise<T>,
): Promise<T> {
  const { acquireLease, databaseLeaseFolder, databaseLeaseName } = await import('../../core/lease.ts');
  const { hostname, pid } = context.host;
  const request = {
    directory: databaseLeaseFolder(context.stateDirectory()),
    name: databaseLeaseName(database),
    purpose,
    owner: { pid, hostname },
  };
  const { fromFileSystem } = await import('../../core/error.ts');
  let lease: ReturnType<typeof acquireLease>;
  try {
    lease = acquireLease(request, context);
  } catch (error) {
    // A folder that cannot be written is told as such, not as a defect.
    throw fromFileSystem(error, request.directory);
  }
  try {
    return await work();
  } finally {
    lease.release();
  }
}
