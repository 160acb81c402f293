import { makeChannel } from '../../core/alert/channels/make-channel.ts';
import type { AlertSettings } from '../../core/alert/look.ts';
import { parseMatcher } from '../../core/alert/matcher.ts';
import { ruleSet } from '../../core/alert/rule-set.ts';
import { TradedbError } from '../../core/error.ts';
import type { CommandContext } from '../definition.ts';

/** All that programs of the channel type `command` get to see of the environment, beside the values of the alert. */
const passedVariables = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'SystemRoot'];

/** The alert rules, channels and times of the configuration. Throws `config_invalid`. */
export function alertSettings(context: CommandContext): AlertSettings {
  const { alerts } = context.config;
  const { pid, hostname } = context.host;
  const place = {
    resolve: (path: string) => context.resolveConfigured(path),
    hostname,
    environment: Object.fromEntries(
      passedVariables.flatMap((name) => {
        const value = context.host.environment(name);
        return value === undefined ? [] : [[name, value]];
      }),
    ),
  };
  for (const { when, mute } of alerts.inhibit) for (const text of [when, mute]) requireMatcher(text);
  return {
    database: context.databasePath(),
    stateDirectory: context.stateDirectory(),
    owner: { pid, hostname },
    rules: ruleSet(alerts),
    inhibitions: alerts.inhibit,
    intervalMs: alerts.interval,
    timing: { waitMs: alerts.groupWait, intervalMs: alerts.groupInterval, repeatMs: alerts.repeat },
    channels: Object.entries(alerts.channels).map(([name, settings]) => ({
      name,
      minSeverity: settings.minSeverity,
      channel: makeChannel(settings, place),
    })),
  };
}

function requireMatcher(text: string): void {
  try {
    parseMatcher(text);
  } catch (error) {
    if (!(error instanceof TradedbError)) throw error;
    throw new TradedbError('config_invalid', `alerts.inhibit: ${error.message}`, { hint: error.hint ?? '' });
  }
}
