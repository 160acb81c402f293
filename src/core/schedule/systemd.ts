import type { Config } from '../config/schema.ts';
import { calendarOf } from './expression.ts';
import { activeJobs, type Invocation, jobWords, type ScheduledJob } from './job.ts';

export interface SystemdUnit {
  /** File name, such as `tradedb-backup.timer`. */
  readonly name: string;
  readonly content: string;
}

/** A service and a timer per job, for /etc/systemd/system or ~/.config/systemd/user. */
export function systemdUnits(schedules: Config['schedules'], invocation: Invocation): readonly SystemdUnit[] {
  return activeJobs(schedules).flatMap((job) => [
    { name: `tradedb-${job.name}.service`, content: service(job, invocation) },
    { name: `tradedb-${job.name}.timer`, content: timer(job, calendarOf(job.name, job.cron)) },
  ]);
}

function service(job: ScheduledJob, invocation: Invocation): string {
  return `[Unit]
Description=tradedb: ${job.description}

[Service]
Type=oneshot
ExecStart=${jobWords(job, invocation).map(quoteForSystemd).join(' ')}
# 3 is "done with warnings"; 143 is a clean end after SIGTERM.
SuccessExitStatus=3 143
Nice=10
IOSchedulingClass=idle
`;
}

function timer(job: ScheduledJob, calendar: string): string {
  return `[Unit]
Description=tradedb: ${job.description}, by the clock

[Timer]
OnCalendar=${calendar}
Persistent=true
RandomizedDelaySec=20

[Install]
WantedBy=timers.target
`;
}

/** One word of a systemd command line: C-style escapes in double quotes; `%` and `$` are doubled. */
function quoteForSystemd(word: string): string {
  const doubled = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  if (/^[\w@+=:,./%$-]+$/.test(doubled)) return doubled;
  const escaped = doubled.replace(/["\\\n\r\t]/g, (character) => {
    const names: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
    return names[character] ?? `\\${character}`;
  });
  return `"${escaped}"`;
}
