import type { Config } from '../config/schema.ts';

/** A command that runs by the clock. */
export interface ScheduledJob {
  readonly name: keyof Config['schedules'];
  readonly description: string;
  /** Arguments behind the launcher. */
  readonly arguments: readonly string[];
}

export const scheduledJobs: readonly ScheduledJob[] = [
  { name: 'backup', description: 'back up the database', arguments: ['backup', 'create', '--quiet'] },
  {
    name: 'prune',
    description: 'remove backups that the retention no longer keeps',
    arguments: ['backup', 'prune', '--yes', '--quiet'],
  },
  { name: 'verify', description: 'verify the stored backups', arguments: ['backup', 'verify', '--quiet'] },
  {
    name: 'drill',
    description: 'restore the newest backup to a scratch place and check it',
    arguments: ['restore', 'drill', '--quiet'],
  },
  { name: 'health', description: 'check the database', arguments: ['health', 'check', '--quiet'] },
  { name: 'optimize', description: 'refresh the statistics', arguments: ['vacuum', 'optimize', '--quiet'] },
  {
    name: 'vacuum',
    description: 'give free space back, inside the maintenance windows',
    arguments: ['vacuum', 'run', '--window', '--yes', '--quiet'],
  },
  {
    name: 'archive',
    description: 'move old rows into archives, as the retention policies say',
    arguments: ['vacuum', 'archive', '--yes', '--quiet'],
  },
];

/** How the scheduler calls tradedb: program, launcher, and the file it works on. All paths are absolute. */
export interface Invocation {
  readonly execPath: string;
  readonly launcher: string;
  /** Configuration file; when there is none, the database is named instead. */
  readonly configPath: string | undefined;
  readonly databasePath: string;
}

/** The whole command line for the arguments of a command. */
export function commandWords(words: readonly string[], invocation: Invocation): readonly string[] {
  const { execPath, launcher, configPath, databasePath } = invocation;
  const target = configPath === undefined ? ['--database', databasePath] : ['--config', configPath];
  return [execPath, launcher, ...words, ...target];
}

/** The words of the command line of a job. */
export function jobWords(job: ScheduledJob, invocation: Invocation): readonly string[] {
  return commandWords(job.arguments, invocation);
}

/** The jobs that are switched on, with their cron expressions. */
export function activeJobs(schedules: Config['schedules']): readonly (ScheduledJob & { readonly cron: string })[] {
  return scheduledJobs.flatMap((job) => {
    const cron = schedules[job.name];
    return cron === false ? [] : [{ ...job, cron }];
  });
}
