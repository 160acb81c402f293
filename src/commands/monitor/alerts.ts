import type { AlertsData } from '../../core/alert/alerts-data.ts';
import type { HealingActionName } from '../../core/alert/healing-journal.ts';
import { TradedbError } from '../../core/error.ts';
import type { Report } from '../../core/report.ts';
import { type CommandContext, defineCommand } from '../definition.ts';

export const definition = defineCommand({
  path: ['monitor', 'alerts'],
  summary: 'show the alerts and what waits to be sent; silence alerts, test channels, send now',
  description:
    'The rules are evaluated by health --notify and by monitor serve; this command shows what it found. A matcher names alerts: rule=wal-size, or rule=health,check=wal.*, or severity=warning; * matches any text.',
  options: {
    rules: { type: 'flag', summary: 'also show the rules with their limits' },
    history: { type: 'duration', value: 'duration', summary: 'also show the changes since then' },
    silence: {
      type: 'text',
      value: 'matcher',
      group: 'Silences',
      summary: 'tell nobody of these alerts; with --for and --comment',
    },
    for: { type: 'duration', value: 'duration', group: 'Silences', summary: 'how long, at most 7d' },
    comment: { type: 'text', value: 'text', group: 'Silences', summary: 'why' },
    unsilence: { type: 'text', value: 'id', group: 'Silences', summary: 'end a silence' },
    test: { type: 'text', value: 'channel', group: 'Delivery', summary: 'send a test notification to one channel' },
    flush: {
      type: 'flag',
      group: 'Delivery',
      summary: 'try everything that waits now, also what was given up',
    },
    resetBreaker: {
      type: 'choice',
      choices: ['checkpoint', 'optimize', 'incremental-vacuum', 'reindex'],
      group: 'Self-healing',
      summary: 'let health --heal try this action again, after somebody has looked',
    },
    exitCode: { type: 'flag', summary: 'exit with 4 while an alert fires' },
  },
  examples: [
    { command: 'monitor alerts', does: 'what fires, what is silenced, what waits to be sent' },
    {
      command: 'monitor alerts --silence rule=wal-size --for 2h --comment "bulk load"',
      does: 'tells nobody of the WAL for two hours',
    },
    { command: 'monitor alerts --test on-call', does: 'proves that a channel works' },
    { command: 'monitor alerts --history 7d', does: 'what happened this week' },
  ],
  quietWhenOk: true,
  exitCodes: {
    0: 'done',
    1: 'the tested channel, or one of --flush, took nothing',
    4: 'with --exit-code: an alert fires',
  },
  async run({ options }, context): Promise<Report<AlertsData>> {
    requireOneAct([options.silence, options.unsilence, options.test, options.flush || undefined, options.resetBreaker]);
    const [{ alertSettings }, { AlertStateFile }, { alertsData }, { Outbox }] = await Promise.all([
      import('./alert-settings.ts'),
      import('../../core/alert/state-file.ts'),
      import('../../core/alert/alerts-data.ts'),
      import('../../core/alert/outbox.ts'),
    ]);
    const settings = alertSettings(context);
    const state = new AlertStateFile(settings, context);
    const outbox = new Outbox(settings.stateDirectory, context);
    const delivery = await act({ options, settings, state, outbox }, context);
    const { breakersOf, HealingJournal } = await import('../../core/alert/healing-journal.ts');
    const attempts = new HealingJournal(settings.stateDirectory, context.clock).read(state.database);
    const view = {
      breakers: breakersOf(attempts, context.config.healing.breakerAfter),
      rules: settings.rules,
      channels: settings.channels.map(({ name }) => name),
      nowMs: context.clock.wallTime(),
      shows: { rules: options.rules, historyMs: options.history },
      delivery,
    };
    const data = alertsData(state.read(), outbox, view);
    return context.report(data, { status: statusOf(data), findings: await findingsOf(data) });
  },
  exitCode({ data }, { options }) {
    if (data.delivery !== null && data.delivery.failed.length > 0) return 1;
    return options.exitCode && data.alerts.some(({ firing }) => firing) ? 4 : 0;
  },
});

interface ActInput {
  readonly options: {
    readonly silence: string | undefined;
    readonly for: number | undefined;
    readonly comment: string | undefined;
    readonly unsilence: string | undefined;
    readonly test: string | undefined;
    readonly flush: boolean;
    readonly resetBreaker: string | undefined;
  };
  readonly settings: import('../../core/alert/look.ts').AlertSettings;
  readonly state: import('../../core/alert/state-file.ts').AlertStateFile;
  readonly outbox: import('../../core/alert/outbox.ts').Outbox;
}

async function act(input: ActInput, context: CommandContext): Promise<AlertsData['delivery']> {
  const { options, settings, state, outbox } = input;
  if (options.silence !== undefined) await silence(options.silence, input, context);
  else if (options.for !== undefined || options.comment !== undefined) {
    throw new TradedbError('usage', '--for and --comment belong to --silence', { hint: 'give --silence <matcher>' });
  }
  if (options.unsilence !== undefined) {
    const id = options.unsilence;
    await state.change((file, save) => {
      const silences = file.silences.filter((known) => known.id !== id);
      if (silences.length === file.silences.length) {
        throw new TradedbError('usage', `no silence has the id ${JSON.stringify(id)}`, {
          hint: 'tradedb monitor alerts lists them',
        });
      }
      save({ ...file, silences });
    });
  }
  if (options.resetBreaker !== undefined) {
    const { HealingJournal } = await import('../../core/alert/healing-journal.ts');
    new HealingJournal(settings.stateDirectory, context.clock).note({
      database: state.database,
      action: options.resetBreaker as HealingActionName,
      event: 'reset',
      reason: `by ${context.host.userName}`,
      values: {},
    });
  }
  if (options.test !== undefined) {
    const { sendTest } = await import('../../core/alert/send-test.ts');
    return sendTest(options.test, settings, context);
  }
  if (!options.flush) return null;
  const { deliver } = await import('../../core/alert/deliver.ts');
  outbox.revive();
  return deliver(settings, context);
}

async function silence(matcher: string, { options, state }: ActInput, context: CommandContext): Promise<void> {
  const { makeSilence } = await import('../../core/alert/silence.ts');
  if (options.for === undefined) {
    throw new TradedbError('usage', '--silence needs --for: how long', { hint: 'such as --for 2h, at most 7d' });
  }
  const id = Buffer.from(context.random.bytes(4)).toString('hex');
  const author = context.host.userName;
  const wish = { id, matcher, forMs: options.for, author, comment: options.comment ?? '' };
  const made = makeSilence(wish, context.clock.wallTime());
  await state.change((file, save) => save({ ...file, silences: [...file.silences, made] }));
}

function requireOneAct(acts: readonly unknown[]): void {
  if (acts.filter((value) => value !== undefined).length < 2) return;
  throw new TradedbError('usage', '--silence, --unsilence, --test, --flush and --reset-breaker exclude each other', {
    hint: 'give one of them',
  });
}

function statusOf(data: AlertsData): 'ok' | 'warning' | 'critical' {
  const firing = data.alerts.filter((alert) => alert.firing);
  if (firing.some(({ severity }) => severity === 'critical')) return 'critical';
  return firing.length > 0 || data.outbox.dead > 0 ? 'warning' : 'ok';
}

async function findingsOf(data: AlertsData): Promise<Report['findings']> {
  const { undelivered } = await import('../../core/alert/undelivered.ts');
  const failed = (data.delivery?.failed ?? []).map(({ channel, reason }) => ({
    id: 'alerts.channel',
    severity: 'warning' as const,
    subject: channel,
    message: `took no notification: ${reason}`,
  }));
  return [...(data.outbox.dead === 0 ? [] : [undelivered(data.outbox.dead)]), ...failed];
}
