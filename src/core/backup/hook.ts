import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import type { Finding } from '../report.ts';

/** A program and its arguments; no shell is involved. */
export type HookCommand = readonly string[];

export interface HookSettings {
  /** Variables that the program gets besides those of the event. */
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** It is ended after this time, and counts as failed. */
  readonly timeoutMs: number;
}

/** What a program is told, as variables: `TRADEDB_EVENT`, `TRADEDB_DATABASE`, `TRADEDB_BACKUP_ID` and so on. */
export type HookFacts = Readonly<Record<`TRADEDB_${string}`, string>>;

const keptOutput = 2000;

/** Runs a hook; undefined when it ended with 0, otherwise what went wrong. */
export async function runHook(
  command: HookCommand | undefined,
  facts: HookFacts,
  settings: HookSettings,
  context: Pick<OperationContext, 'clock' | 'log' | 'signal'>,
): Promise<string | undefined> {
  const [program, ...words] = command ?? [];
  if (program === undefined) return undefined;
  const started = context.clock.now();
  const problem = await new Promise<string | undefined>((resolve) => {
    let child: ChildProcessByStdio<null, Readable, Readable>;
    try {
      child = spawn(program, words, {
        cwd: settings.workingDirectory,
        env: { ...settings.environment, ...facts },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    } catch (error) {
      // Some reasons are thrown (E2BIG, a NUL in an argument), others come as an event.
      resolve(`cannot be started: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = `${output}${text}`.slice(-keptOutput);
      });
    }
    const end = (): boolean => child.kill('SIGKILL');
    const cancel = context.clock.after(settings.timeoutMs, end);
    context.signal.addEventListener('abort', end, { once: true });
    const settle = (text: string | undefined): void => {
      cancel();
      context.signal.removeEventListener('abort', end);
      resolve(text);
    };
    child.on('error', (error) => settle(`cannot be started: ${error.message}`));
    child.on('close', (code, signal) => {
      if (code === 0) return settle(undefined);
      const said = output.trim() === '' ? '' : `: ${output.trim()}`;
      settle(`${signal === null ? `ended with ${code}` : `was ended by ${signal}`}${said}`);
    });
  });
  context.log.debug('hook', { program, ms: Math.round(context.clock.now() - started), problem: problem ?? null });
  return problem;
}

/** A hook that has to succeed before anything is done. */
export async function requireHook(
  name: string,
  command: HookCommand | undefined,
  run: (command: HookCommand | undefined) => Promise<string | undefined>,
): Promise<void> {
  const problem = await run(command);
  if (problem === undefined) return;
  throw new TradedbError('backup_failed', `the hook ${name} ${problem}`, { hint: 'nothing was done' });
}

/** What is said of a hook that failed when everything was done already. */
export function hookFinding(name: string, problem: string | undefined): Finding[] {
  if (problem === undefined) return [];
  return [{ id: 'hook.failed', severity: 'warning', subject: name, message: `the hook ${name} ${problem}` }];
}
