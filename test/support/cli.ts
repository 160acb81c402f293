import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import type { Report } from '../../src/core/report.ts';

const root = new URL('../../', import.meta.url);
const launcher = fileURLToPath(new URL('bin/tradedb.js', root));

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  /** Added to an environment without TRADEDB_ variables. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Called once the child runs, for tests that signal or kill it. */
  readonly onStart?: (child: ReturnType<typeof spawn>) => void;
  /** Killed after this time, so that a hanging command fails its test alone. */
  readonly timeoutMs?: number;
  readonly uid?: number;
}

/** Runs the real binary in a child process. */
export function tradedb(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('TRADEDB_') && name !== 'FORCE_COLOR'),
    );
    const child = spawn(process.execPath, [launcher, ...args], {
      cwd: options.cwd,
      env: { ...inherited, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 120_000);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
    options.onStart?.(child);
  });
}

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, validateFormats: false });

/** Parses the JSON report of a command and validates it against its published schema. */
export function parseReport<T>(result: CliResult): Report<T> {
  expect(result.stdout, result.stderr).not.toBe('');
  const report = JSON.parse(result.stdout) as Report<T>;
  const schema = JSON.parse(
    readFileSync(new URL(`docs/schema/${report.command.replaceAll(' ', '-')}.json`, root), 'utf8'),
  ) as Record<string, unknown>;
  const validate = ajv.getSchema(String(schema.$id)) ?? ajv.compile(schema);
  expect(validate(report), JSON.stringify(validate.errors, null, 2)).toBe(true);
  return report;
}

/** The error object that a command prints in JSON mode. */
export function parseError(result: CliResult): {
  type: string;
  code: string;
  message: string;
  hint: string | null;
  exitCode: number;
} {
  const line = result.stderr.trim().split('\n').at(-1) ?? '';
  return JSON.parse(line);
}
