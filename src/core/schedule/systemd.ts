import type { Config } from '../config/schema.ts';
import { calendarOf } from './expression.ts';
import { activeJobs, commandWords, type Invocation, type ScheduledJob } from './job.ts';

export interface SystemdUnit {
  /** File name, such as `tradedb-backup.timer`. */
  readonly name: string;
  readonly content: string;
}

/**
 * A service and a timer per job, and the service that watches, for /etc/systemd/system or ~/.config/systemd/user. The
 * watching service leaves the jobs to the timers: otherwise each would run twice.
 */
export function systemdUnits(schedules: Config['schedules'], invocation: Invocation): readonly SystemdUnit[] {
  const jobs = activeJobs(schedules).flatMap((job) => [
    { name: `tradedb-${job.name}.service`, content: service(job, invocation) },
    { name: `tradedb-${job.name}.timer`, content: timer(job, calendarOf(job.name, job.cron)) },
  ]);
  return [...jobs, { name: 'tradedb-monitor.service', content: monitorService(invocation) }];
}

function service(job: ScheduledJob, invocation: Invocation): string {
  return `[Unit]
Description=tradedb: ${job.description}

[Service]
Type=oneshot
ExecStart=${commandLine(job.arguments, invocation)}
# 3 is "done with warnings"; 143 is a clean end after SIGTERM.
SuccessExitStatus=3 143
Nice=10
IOSchedulingClass=idle
`;
}

/** The watchdog is fed by the sampling itself, through the program systemd-notify: hence NotifyAccess. */
function monitorService(invocation: Invocation): string {
  return `[Unit]
Description=tradedb: watch the database

[Service]
Type=notify
NotifyAccess=all
ExecStart=${commandLine(['monitor', 'serve', '--schedules', 'off'], invocation)}
ExecReload=/bin/kill -HUP $MAINPID
SuccessExitStatus=143
Restart=on-failure
RestartSec=5
WatchdogSec=60
TimeoutStopSec=60

[Install]
WantedBy=multi-user.target
`;
}

function commandLine(words: readonly string[], invocation: Invocation): string {
  return commandWords(words, invocation).map(quoteForSystemd).join(' ');
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
