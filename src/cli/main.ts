import { resolve } from 'node:path';
import type { CommandContext, ExitCode, Host } from '../commands/definition.ts';
import type { LoadedConfig } from '../core/config/load.ts';
import { systemClock } from '../system/system-clock.ts';
import { systemRandom } from '../system/system-random.ts';
import { wantsColor } from './color.ts';
import { createCommandContext } from './command-context.ts';
import { currentHost } from './environment.ts';
import { exitCodeOfReport } from './exit-code.ts';
import { describeFailure } from './failure.ts';
import { createLogger } from './logger.ts';
import { type HelpRequest, type Invocation, parseCommandLine } from './program.ts';
import { colorStyle, plainStyle, type Style } from './render/style.ts';
import { createServiceLog, type ServiceLogSettings } from './service-log.ts';
import { type Interruption, listenForSignals, onHangup } from './signals.ts';
import { endQuietlyOnClosedPipe, writeFully, writeResultFile } from './streams.ts';
import { createProgress, type ProgressMode } from './terminal-progress.ts';

/** Runs one command line and sets the exit code of the process. */
export async function main(argv: readonly string[]): Promise<void> {
  endQuietlyOnClosedPipe();
  const host = currentHost();
  const interruption = listenForSignals();
  try {
    process.exitCode = await dispatch(argv, host, interruption);
  } catch (error) {
    const failure = describeFailure(error, {
      asJson: wantsJson(argv, host),
      verbose: argv.includes('-v') || argv.includes('--verbose'),
      style: await styleFor(colorFlag(argv), host, host.terminal.stderr, host.terminal.columns),
      interruptedBy: interruption.exitCode(),
    });
    await writeFully(process.stderr, failure.text);
    process.exitCode = failure.exitCode;
  } finally {
    interruption.release();
  }
}

async function dispatch(argv: readonly string[], host: Host, interruption: Interruption): Promise<ExitCode> {
  if (argv[0] === 'complete' && argv[1] === '--') {
    const { completeWords } = await import('./completion.ts');
    await writeFully(process.stdout, await completeWords(argv.slice(2)));
    return 0;
  }
  const parsed = await parseCommandLine(argv, host.environment);
  if (parsed.kind === 'version') {
    await writeFully(process.stdout, `${host.version}\n`);
    return 0;
  }
  if (parsed.kind === 'help') {
    await writeFully(
      process.stdout,
      await helpText(
        parsed,
        await styleFor(colorFlag(argv), host, host.terminal.stdout, host.terminal.stdout ? host.terminal.columns : 0),
        host,
      ),
    );
    return 0;
  }
  return execute(parsed, host, interruption);
}

async function helpText(request: HelpRequest, style: Style, host: Host): Promise<string> {
  const help = await import('./help.ts');
  const { topic } = request;
  if (topic.exitCodes === true) return help.exitCodesHelp(style);
  if (topic.command !== undefined) return help.commandHelp(topic.command, style);
  return topic.group === undefined ? help.rootHelp(host.version, style) : help.groupHelp(topic.group, style);
}

async function execute(invocation: Invocation, host: Host, interruption: Interruption): Promise<ExitCode> {
  const { command, options, format } = invocation;
  const loaded = await loadConfigFor(invocation, host);
  const quiet = options.quiet === true;
  const writeError = (text: string): void => {
    if (text !== '') process.stderr.write(text);
  };
  const parts = {
    host,
    clock: systemClock,
    random: systemRandom,
    signal: interruption.signal,
    progress: createProgress(progressMode(String(options.progress), quiet, host), systemClock, writeError),
    log: createLogger(
      options.verbose === true ? 'debug' : quiet ? 'error' : 'info',
      format === 'json' || format === 'ndjson',
      writeError,
    ),
    command,
    options,
    format,
    emitLine: (event: unknown) => {
      process.stdout.write(`${JSON.stringify(event)}\n`);
    },
    onHangup,
    serviceLog: (settings: Pick<ServiceLogSettings, 'level' | 'file'>) => {
      const level = options.verbose === true ? 'debug' : quiet ? 'error' : settings.level;
      const asJson = format === 'json' || format === 'ndjson';
      return createServiceLog({ ...settings, level, asJson }, { wallTime: systemClock.wallTime, writeError });
    },
    reloaded: async (): Promise<CommandContext> =>
      createCommandContext({ ...parts, loaded: await loadConfigFor(invocation, host) }),
  };
  const context = createCommandContext({ ...parts, loaded });
  const report = await command.run({ options, arguments: invocation.arguments }, context);
  const exitCode = interruption.exitCode() ?? exitCodeOfReport(command, report, options);
  const isSilent = quiet && command.quietWhenOk === true && format === 'text' && options.output === undefined;
  if (isSilent && exitCode === 0) return exitCode;
  const { renderReport } = await import('./render/render.ts');
  const toTerminal = options.output === undefined && host.terminal.stdout;
  const style = await styleFor(String(options.color), host, toTerminal, toTerminal ? host.terminal.columns : 0);
  const text = await renderReport(report, format, style);
  if (options.annotations === 'github') {
    const { renderGithubAnnotations } = await import('./render/github-annotations.ts');
    await writeFully(process.stderr, renderGithubAnnotations(report));
  }
  if (options.output === undefined) await writeFully(process.stdout, text);
  else writeResultFile(resolve(host.workingDirectory, String(options.output)), text);
  return exitCode;
}

async function loadConfigFor(invocation: Invocation, host: Host): Promise<LoadedConfig> {
  const { loadConfig } = await import('../core/config/load.ts');
  const { options, command } = invocation;
  if (command.ignoresConfig === true) {
    return loadConfig({ path: undefined, folder: host.temporaryDirectory, environment: () => undefined });
  }
  const path = options.config === undefined ? undefined : resolve(host.workingDirectory, String(options.config));
  return loadConfig({ path, folder: host.workingDirectory, environment: host.environment });
}

function progressMode(option: string, quiet: boolean, host: Host): ProgressMode {
  if (quiet || option === 'none') return 'none';
  if (option === 'json' || option === 'plain') return option;
  return host.terminal.stderr ? 'bar' : 'plain';
}

async function styleFor(flag: string, host: Host, isTerminal: boolean, columns: number): Promise<Style> {
  const mode = flag === 'always' || flag === 'never' ? flag : 'auto';
  return wantsColor(mode, host.environment, isTerminal) ? colorStyle(columns) : plainStyle(columns);
}

/** Before the options are parsed (or when they cannot be), the form of errors is read from the words themselves. */
function wantsJson(argv: readonly string[], host: Host): boolean {
  const index = argv.findIndex((argument) => argument === '-f' || argument === '--format');
  const given = argv.includes('--json')
    ? 'json'
    : (argv.find((argument) => argument.startsWith('--format='))?.slice(9) ??
      (index < 0 ? undefined : argv[index + 1]));
  const format = given ?? host.environment('TRADEDB_FORMAT');
  return format === 'json' || format === 'ndjson';
}

function colorFlag(argv: readonly string[]): string {
  const index = argv.indexOf('--color');
  return (
    argv.find((argument) => argument.startsWith('--color='))?.slice(8) ??
    (index < 0 ? 'auto' : (argv[index + 1] ?? 'auto'))
  );
}
