import type { CommandContext } from '../definition.ts';

export type PrintedSchedule =
  | { readonly kind: 'cron'; readonly lines: readonly string[] }
  | { readonly kind: 'systemd'; readonly units: readonly { readonly name: string; readonly content: string }[] };

/** The schedules of the configuration, as lines for a crontab or units for systemd. Nothing is installed. */
export async function printedSchedule(kind: 'cron' | 'systemd', context: CommandContext): Promise<PrintedSchedule> {
  const { host, configPath } = context;
  const invocation = {
    execPath: host.execPath,
    launcher: host.launcher,
    configPath,
    databasePath: context.databasePath(),
  };
  const { schedules } = context.config;
  if (kind === 'cron') {
    const { cronLines } = await import('../../core/schedule/cron.ts');
    return { kind, lines: cronLines(schedules, invocation) };
  }
  const { systemdUnits } = await import('../../core/schedule/systemd.ts');
  return { kind, units: systemdUnits(schedules, invocation) };
}
