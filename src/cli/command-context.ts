import { dirname, isAbsolute, resolve } from 'node:path';
import type { AnyCommand, CommandContext, Format, Host, ServiceLog } from '../commands/definition.ts';
import type { LoadedConfig } from '../core/config/load.ts';
import type { Clock, Logger, ProgressSink, Random } from '../core/context.ts';
import { TradedbError } from '../core/error.ts';
import { worstStatus } from '../core/report.ts';
import { refusePendingRestore } from '../core/restore/pending.ts';
import { wantsColor } from './color.ts';
import { renderMetrics } from './render/prometheus.ts';

interface Parts {
  readonly host: Host;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly progress: ProgressSink;
  readonly log: Logger;
  readonly loaded: LoadedConfig;
  readonly command: AnyCommand;
  readonly options: Readonly<Record<string, unknown>>;
  readonly format: Format;
  readonly emitLine: (event: unknown) => void;
  readonly onHangup: CommandContext['onHangup'];
  readonly reloaded: CommandContext['reloaded'];
  readonly serviceLog: (settings: Parameters<CommandContext['serviceLog']>[0]) => ServiceLog;
}

/** Builds what a command receives from the process, the configuration and its own options. */
export function createCommandContext(parts: Parts): CommandContext {
  const { host, loaded, options, clock, command } = parts;
  const startedAt = new Date(clock.wallTime()).toISOString();
  const started = clock.now();
  const base = loaded.path === undefined ? host.workingDirectory : dirname(loaded.path);
  const databasePathIfAny = (): string | undefined => {
    const typed = options.database as string | undefined;
    const configured = loaded.config.database.path;
    const fromEnvironment = loaded.source('database.path') === 'environment';
    const path =
      typed !== undefined
        ? resolve(host.workingDirectory, typed)
        : configured === undefined
          ? undefined
          : resolve(fromEnvironment ? host.workingDirectory : base, configured);
    if (path !== undefined && command.allowsPendingRestore !== true) refusePendingRestore(path);
    return path;
  };
  return {
    clock,
    random: parts.random,
    signal: parts.signal,
    progress: parts.progress,
    log: parts.log,
    host,
    config: loaded.config,
    configPath: loaded.path,
    format: parts.format,
    dryRun: options.dryRun === true,
    quiet: options.quiet === true,
    verbose: options.verbose === true,
    databasePathIfAny,
    databasePath: () => {
      const path = databasePathIfAny();
      if (path !== undefined) return path;
      throw new TradedbError('usage', 'no database is named', {
        hint: 'give --database <path>, set TRADEDB_DATABASE, or write database.path into tradedb.config.json',
      });
    },
    resolve: (path) => resolve(host.workingDirectory, path),
    resolveConfigured: (path) => resolve(base, path),
    stateDirectory: () => stateDirectory(loaded, databasePathIfAny(), base),
    confirm: (question) => confirm(question, options.yes === true, host, parts.signal),
    completionScript: async (shell) => (await import('./completion.ts')).completionScript(shell),
    metricsText: (metrics) => renderMetrics(metrics),
    openTerminal: async () => {
      const { terminalSession } = await import('./terminal-session.ts');
      const mode = options.color === 'always' || options.color === 'never' ? options.color : 'auto';
      return terminalSession(wantsColor(mode, host.environment, host.terminal.stdout));
    },
    onHangup: parts.onHangup,
    reloaded: parts.reloaded,
    serviceLog: parts.serviceLog,
    emit: (event) => {
      if (parts.format === 'ndjson') parts.emitLine(event);
    },
    report: (data, extra = {}) => ({
      schemaVersion: 1,
      command: command.path.join(' '),
      status: extra.status ?? worstStatus(extra.findings ?? []),
      startedAt,
      durationMs: Math.round((clock.now() - started) * 1000) / 1000,
      findings: extra.findings ?? [],
      data,
      ...(extra.checks === undefined ? {} : { checks: extra.checks }),
      ...(extra.metrics === undefined ? {} : { metrics: extra.metrics }),
    }),
  };
}

function stateDirectory(loaded: LoadedConfig, database: string | undefined, base: string): string {
  const configured = loaded.config.state.directory;
  if (isAbsolute(configured)) return configured;
  // Without a configuration file the state stands beside the database, so that runs from any folder share it.
  return resolve(loaded.path === undefined && database !== undefined ? dirname(database) : base, configured);
}

async function confirm(question: string, yes: boolean, host: Host, signal: AbortSignal): Promise<void> {
  if (yes) return;
  if (!host.terminal.stdin || !host.terminal.stderr) {
    throw new TradedbError('usage', `${question} needs a confirmation`, {
      hint: 'give --yes to agree without a terminal',
    });
  }
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal });
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    terminal.close();
  }
  throw new TradedbError('cancelled', 'not confirmed; nothing was changed');
}
