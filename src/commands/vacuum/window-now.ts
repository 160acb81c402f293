import type { CommandContext } from '../definition.ts';

/** Whether a maintenance window is open now. */
export interface WindowNow {
  /** Wall time (ms since 1970) at which it ends. */
  readonly windowEnd?: number;
  /** When the next one starts, for people; only when none is open. */
  readonly outsideWindowUntil?: string;
}

/** Without windows in the configuration maintenance may run at any time. */
export async function windowNow(context: CommandContext): Promise<WindowNow> {
  const { nextWindowStart, windowEnd } = await import('../../core/maintenance/window.ts');
  const { windows } = context.config.maintenance;
  if (windows.length === 0) return {};
  const now = context.clock.wallTime();
  const end = windowEnd(windows, now);
  if (end !== undefined) return { windowEnd: end };
  const next = nextWindowStart(windows, now);
  return { outsideWindowUntil: next === undefined ? 'never' : `${new Date(next).toISOString().slice(0, 16)}Z` };
}
