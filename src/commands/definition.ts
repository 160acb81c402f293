import type { Config } from '../core/config/schema.ts';
import type { Logger, LogLevel, OperationContext } from '../core/context.ts';
import type { TerminalPort } from '../core/monitor/terminal/terminal-port.ts';
import type { Metric, Report } from '../core/report.ts';

/**
 * What a command declares about itself. Parsing, help, completion, the documentation and the exit status all come from
 * this one description.
 */

export type Format = 'text' | 'json' | 'ndjson' | 'junit' | 'markdown' | 'prometheus' | 'html';

/** Exit codes of docs/exit-codes.md. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 10 | 11 | 12 | 13 | 14 | 15 | 78 | 130 | 143;

interface ValueTypes {
  readonly text: string;
  /** Kept as typed: the command resolves it against the working directory with `context.resolve`. */
  readonly path: string;
  readonly integer: number;
  readonly number: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly bytes: number;
  /** `5%` as 0.05. */
  readonly share: number;
}

interface OptionBase {
  readonly summary: string;
  /** One letter. */
  readonly short?: string;
  readonly env?: string;
  /** Heading in the help; `Options` otherwise. */
  readonly group?: string;
  /** May be given several times; the value is then a list. */
  readonly repeatable?: true;
  /** As the operator would type it. Without a default and without the option, the value is undefined. */
  readonly default?: string;
  /** Where a missing option takes its value from, for the help, such as `backup.codec`. */
  readonly config?: string;
}

export type OptionDefinition =
  | (Omit<OptionBase, 'default' | 'repeatable'> & { readonly type: 'flag' })
  | (OptionBase & { readonly type: 'choice'; readonly choices: readonly string[] })
  | (OptionBase & {
      readonly type: keyof ValueTypes;
      /** Placeholder in the help, such as `file`. */
      readonly value: string;
      readonly minimum?: number;
      readonly maximum?: number;
    });

type ValueOf<O extends OptionDefinition> = O extends { type: 'flag' }
  ? boolean
  : O extends { type: 'choice'; choices: readonly (infer C)[] }
    ? C
    : O extends { type: infer K extends keyof ValueTypes }
      ? ValueTypes[K]
      : never;

export type OptionValues<O extends Readonly<Record<string, OptionDefinition>>> = {
  readonly [K in keyof O]: O[K] extends { repeatable: true }
    ? readonly ValueOf<O[K]>[]
    : O[K] extends { type: 'flag' } | { default: string }
      ? ValueOf<O[K]>
      : ValueOf<O[K]> | undefined;
};

export interface ArgumentDefinition {
  readonly name: string;
  readonly summary: string;
  readonly required?: boolean;
  /** Takes all further arguments; only the last one may. */
  readonly variadic?: boolean;
}

export interface Example {
  /** Without the leading `tradedb`. */
  readonly command: string;
  readonly does: string;
}

/** What the process offers to a command; core never looks at it. */
export interface Host {
  readonly workingDirectory: string;
  /** The Node that runs, for children. */
  readonly execPath: string;
  /** The `tradedb` launcher file, for children that run a command. */
  readonly launcher: string;
  /** Version of tradedb. */
  readonly version: string;
  readonly hostname: string;
  readonly platform: string;
  readonly pid: number;
  readonly cores: number;
  readonly userName: string;
  readonly temporaryDirectory: string;
  environment(name: string): string | undefined;
  environmentNames(): readonly string[];
  readonly terminal: {
    readonly stdin: boolean;
    readonly stdout: boolean;
    readonly stderr: boolean;
    readonly columns: number;
    readonly rows: number;
  };
}

export interface ServiceLog {
  readonly log: Logger;
  readonly reopen: () => void;
}

export interface CommandContext extends OperationContext {
  readonly host: Host;
  readonly config: Config;
  /** Absolute path of the configuration file, when there is one. */
  readonly configPath: string | undefined;
  readonly format: Format;
  readonly dryRun: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Absolute path of the database: option, environment, configuration. Throws `usage` when nothing names one. */
  databasePath(): string;
  /** The same, or undefined. */
  databasePathIfAny(): string | undefined;
  /** Absolute form of a path that the operator typed (relative to the working directory). */
  resolve(path: string): string;
  /** Absolute form of a path of the configuration (relative to its file, otherwise to the working directory). */
  resolveConfigured(path: string): string;
  /** Folder for leases, run state and resume points (state.directory); not created. */
  stateDirectory(): string;
  /** Asks before something that destroys; returns on yes or `--yes`, throws `usage` without a terminal, `cancelled` on no. */
  confirm(question: string): Promise<void>;
  /** The completion script for one of bash, zsh, fish, powershell. */
  completionScript(shell: string): Promise<string>;
  /** Prometheus text of metrics, for a server. */
  metricsText(metrics: readonly Metric[]): string;
  /** The terminal of a live view; it says whether there is one. */
  openTerminal(): Promise<TerminalPort>;
  /** Calls the listener at each SIGHUP instead of ending; the returned function stops that. */
  onHangup(listener: () => void): () => void;
  /** This context with the configuration as it is now; throws when that is not valid. */
  reloaded(): Promise<CommandContext>;
  /** The log of a service: lines with a time, on stderr or in a file that can be opened again after a rotation. */
  serviceLog(settings: { readonly level: LogLevel; readonly file: string | undefined }): ServiceLog;
  /** One line of NDJSON while the command runs; dropped in other formats. */
  emit(event: Readonly<Record<string, unknown>>): void;
  /** Builds the report; start time and duration are filled in. Status follows from the findings unless given. */
  report<T>(data: T, parts?: Pick<Partial<Report<T>>, 'status' | 'findings' | 'checks' | 'metrics'>): Report<T>;
}

export interface CommandDefinition<O extends Readonly<Record<string, OptionDefinition>>, D> {
  /** Words after `tradedb`, such as ['backup', 'create']. */
  readonly path: readonly string[];
  readonly summary: string;
  /** Paragraphs below the usage line. */
  readonly description?: string;
  readonly arguments?: readonly ArgumentDefinition[];
  readonly options: O;
  readonly examples: readonly Example[];
  /** What each code means for this command; 2, 130 and 143 are everywhere and left out. */
  readonly exitCodes: Readonly<Partial<Record<ExitCode, string>>>;
  /** Formats besides text and json. */
  readonly formats?: readonly Exclude<Format, 'text' | 'json'>[];
  /** It changes something: gets --dry-run. */
  readonly changes?: boolean;
  /** It asks before it works: gets --yes. */
  readonly asks?: boolean;
  /** With --quiet its text is printed only when something is wrong, so that cron stays silent otherwise. */
  readonly quietWhenOk?: boolean;
  /** It runs without reading the configuration, so that a broken one does not stop it. */
  readonly ignoresConfig?: boolean;
  /** It may run although a restore of the database was interrupted half-way. */
  readonly allowsPendingRestore?: boolean;
  run(
    input: { readonly options: OptionValues<O>; readonly arguments: readonly string[] },
    context: CommandContext,
  ): Promise<Report<D>>;
  /** Exit code of a report; by default ok 0, warning 3, critical 4, failed 1. */
  exitCode?(report: Report<D>, input: { readonly options: OptionValues<O> }): ExitCode;
}

// biome-ignore lint/suspicious/noExplicitAny: the registry holds definitions of every option and data type
export type AnyCommand = CommandDefinition<any, any>;

/** Identity function that lets TypeScript infer the option values and the report data of a definition. */
export function defineCommand<const O extends Readonly<Record<string, OptionDefinition>>, D>(
  definition: CommandDefinition<O, D>,
): CommandDefinition<O, D> {
  return definition;
}
