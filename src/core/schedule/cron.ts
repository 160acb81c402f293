import type { Config } from '../config/schema.ts';
import { TradedbError } from '../error.ts';
import { requireCronExpression } from './expression.ts';
import { activeJobs, type Invocation, jobWords } from './job.ts';

/**
 * Lines for a crontab, one per job. The command part is quoted for sh; a percent sign is escaped as well, because cron
 * turns a bare one into a newline. A path with a newline cannot be written into a crontab and is refused.
 */
export function cronLines(schedules: Config['schedules'], invocation: Invocation): readonly string[] {
  return activeJobs(schedules).map((job) => {
    requireCronExpression(job.name, job.cron);
    const command = jobWords(job, invocation).map(quoteForShell).join(' ');
    if (/[\n\r]/.test(command)) {
      throw new TradedbError('unsupported', 'a path with a line break cannot stand in a crontab', {
        hint: 'use tradedb init --systemd, or move the files',
      });
    }
    return `${job.cron} ${command.replaceAll('%', '\\%')}`;
  });
}

/** One word of a POSIX shell; left bare where that is safe, for lines that people read. */
function quoteForShell(word: string): string {
  return /^[\w@+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
