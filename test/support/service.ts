import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const launcher = fileURLToPath(new URL('../../bin/tradedb.js', import.meta.url));

export interface Service {
  readonly child: ChildProcess;
  readonly port: number;
  readonly log: () => Record<string, unknown>[];
  readonly ended: Promise<number | null>;
}

/** Starts `monitor serve` on a free port; killed at the end of the test. */
export async function startService(
  words: readonly string[],
  options: { env?: Record<string, string>; cwd?: string; logFile?: string } = {},
): Promise<Service> {
  const args = ['monitor', 'serve', '--listen', '127.0.0.1:0', '-f', 'ndjson', ...words];
  const child = spawn(process.execPath, [launcher, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const log = () =>
    (options.logFile !== undefined && existsSync(options.logFile) ? readFileSync(options.logFile, 'utf8') : text)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  for (;;) {
    const started = log().find(({ event }) => event === 'service_started');
    if (started !== undefined) return { child, port: Number(new URL(String(started.address)).port), log, ended };
    if (child.exitCode !== null) throw new Error(text);
    await sleep(20);
  }
}

export interface Reply {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

export function ask(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    request.on('error', reject);
    request.end();
  });
}

/** Asks until the answer is 200. */
export async function untilReady(port: number, headers: Record<string, string> = {}): Promise<void> {
  while ((await ask(port, '/ready', { headers })).status !== 200) await sleep(20);
}
