import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** A script of this folder that runs beside a test, says "ready", and ends when its stdin does. */
export interface BackgroundProcess {
  readonly pid: number;
  readonly process: ChildProcess;
  /** Ends it and gives what it printed after "ready". */
  stop(): Promise<string>;
}

export function startScript(name: string, args: readonly string[]): Promise<BackgroundProcess> {
  const script = fileURLToPath(new URL(`./${name}`, import.meta.url));
  const child = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => reject(new Error(`${name} ended with ${code}: ${output}`)));
    child.stdin.on('error', () => {});
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (!output.startsWith('ready\n')) return;
      resolve({
        pid: child.pid ?? 0,
        process: child,
        stop: async () => {
          child.stdin.end();
          await ended;
          return output.slice('ready\n'.length);
        },
      });
    });
  });
}
