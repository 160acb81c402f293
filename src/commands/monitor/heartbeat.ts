import { ping } from '../../core/alert/heartbeat.ts';
import type { ServePorts } from '../../core/monitor/service/serve.ts';
import type { CommandContext } from '../definition.ts';

/** Pings the dead man's switches of `alerts.heartbeats`; `current` gives the configuration as it is now. */
export function heartbeats(current: () => CommandContext): ServePorts['heartbeat'] {
  return (name, event) => {
    const context = current();
    const switches: Readonly<Record<string, { readonly urlFile: string; readonly timeout: number } | undefined>> =
      context.config.alerts.heartbeats;
    const settings = switches[name];
    if (settings === undefined) return;
    const { urlFile, timeout } = settings;
    ping({ urlFile: context.resolveConfigured(urlFile), timeoutMs: timeout }, event, context)
      .catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
      .then((problem) => {
        if (problem === undefined || context.signal.aborted) return;
        context.log.warn('heartbeat_failed', { heartbeat: name, event, error: problem });
      });
  };
}
