import { type ChildProcess, spawn } from 'node:child_process';
import type { OperationContext } from '../../core/context.ts';

export interface SupervisedCommand {
  readonly program: string;
  readonly words: readonly string[];
}

const firstPauseMs = 1000;
const longestPauseMs = 60_000;
/** After so long a run the next failure counts as the first again. */
const steadyMs = 60_000;
const keptErrorText = 2000;

/**
 * Keeps `backup archive` running beside the service, in a process of its own: started again when it ends, with growing
 * pauses. `stop` ends it as SIGTERM does and waits until everything that was committed is durable.
 */
export function superviseArchive(command: SupervisedCommand, context: OperationContext): { stop(): Promise<void> } {
  const { clock, log } = context;
  const stopping = new AbortController();
  let child: ChildProcess | undefined;

  const runOnce = (): Promise<string> =>
    new Promise((resolve) => {
      child = spawn(command.program, command.words, { stdio: ['ignore', 'ignore', 'pipe'] });
      let errors = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        errors = (errors + text).slice(-keptErrorText);
      });
      child.on('error', (error) => resolve(`cannot be started: ${error.message}`));
      child.on('close', (code, signal) => {
        const said = errors.trim().split('\n').at(-1) ?? '';
        resolve(
          `${signal === null ? `ended with ${code}` : `was ended by ${signal}`}${said === '' ? '' : `: ${said}`}`,
        );
      });
      log.info('archive_started', { pid: child.pid ?? 0 });
    });

  const run = async (): Promise<void> => {
    let pauseMs = firstPauseMs;
    while (!stopping.signal.aborted) {
      const started = clock.now();
      const how = await runOnce();
      if (stopping.signal.aborted) break;
      if (clock.now() - started >= steadyMs) pauseMs = firstPauseMs;
      log.warn('archive_ended', { how, nextMs: pauseMs });
      await clock.sleep(pauseMs, stopping.signal).catch(() => {});
      pauseMs = Math.min(longestPauseMs, pauseMs * 2);
    }
  };
  const ended = run();
  return {
    async stop() {
      stopping.abort();
      child?.kill('SIGTERM');
      await ended;
    },
  };
}
