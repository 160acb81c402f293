import { type ChildProcess, spawn } from 'node:child_process';
import { linesOf, titleOf, toJson } from '../notification.ts';
import { type Channel, DeliveryError } from './channel.ts';

/**
 * Runs a program: arguments as they are, no shell; the JSON on stdin and the main values in the environment. It took the
 * notification when it ends with 0.
 */
export function command(settings: {
  readonly words: readonly string[];
  readonly timeoutMs: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
}): Channel {
  return {
    send(notification, { clock, signal }) {
      const [program = '', ...words] = settings.words;
      const env = {
        ...settings.environment,
        TRADEDB_ALERT_ID: notification.id,
        TRADEDB_ALERT_DATABASE: variable(notification.database),
        TRADEDB_ALERT_GROUP: variable(notification.group),
        TRADEDB_ALERT_STATUS: notification.status,
        TRADEDB_ALERT_SEVERITY: notification.severity,
        TRADEDB_ALERT_TITLE: variable(titleOf(notification)),
        TRADEDB_ALERT_TEXT: variable(linesOf(notification).join('\n')),
      };
      return new Promise<void>((resolve, reject) => {
        const cannotStart = ({ code = 'error' }: NodeJS.ErrnoException): void => fail(`cannot be started (${code})`);
        const fail = (reason: string): void => reject(new DeliveryError(reason));
        let child: ChildProcess;
        try {
          child = spawn(program, words, { cwd: settings.workingDirectory, env, stdio: ['pipe', 'ignore', 'ignore'] });
        } catch (error) {
          // Some reasons are thrown (ENOTDIR, E2BIG, a NUL in an argument), others come as an event.
          cannotStart(error as NodeJS.ErrnoException);
          return;
        }
        const end = (reason: string): void => {
          fail(reason);
          child.kill('SIGKILL');
        };
        const cancelTimeout = clock.after(settings.timeoutMs, () => end(`did not end within ${settings.timeoutMs} ms`));
        const abort = (): void => end('interrupted');
        signal.addEventListener('abort', abort);
        const tidy = (): void => {
          cancelTimeout();
          signal.removeEventListener('abort', abort);
        };
        child.on('error', (error: NodeJS.ErrnoException) => {
          tidy();
          cannotStart(error);
        });
        // A program that does not read its input is none of our business. Without free descriptors there is no stdin.
        child.stdin?.on('error', () => {});
        child.stdin?.end(`${toJson(notification)}\n`);
        child.on('exit', (code, killedBy) => {
          tidy();
          if (code === 0) resolve();
          else fail(killedBy === null ? `ended with ${code}` : `was ended by ${killedBy}`);
        });
      });
    },
  };
}

/** An environment holds no NUL, and Linux starts no program with a variable of 128 KiB; stdin has the whole text. */
function variable(text: string): string {
  return text.replaceAll('\0', ' ').slice(0, 16_000);
}
