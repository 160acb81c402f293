import type { ExitCode } from '../commands/definition.ts';
import { TradedbError } from '../core/error.ts';
import { exitCodeOfError } from './exit-code.ts';
import { printable } from './render/format.ts';
import type { Style } from './render/style.ts';

export interface Failure {
  readonly text: string;
  readonly exitCode: ExitCode;
}

/** One line and a hint for people, one JSON object for programs; an unknown error shows its stack and asks for a report. */
export function describeFailure(
  error: unknown,
  options: { asJson: boolean; verbose: boolean; style: Style; interruptedBy?: 130 | 143 | undefined },
): Failure {
  const known = error instanceof TradedbError ? error : undefined;
  const cancelled = known?.code === 'cancelled' || (options.interruptedBy !== undefined && isAbort(error));
  const exitCode = cancelled
    ? (options.interruptedBy ?? (known?.message.startsWith('not confirmed') === true ? 1 : 130))
    : known === undefined
      ? 1
      : exitCodeOfError(known.code);
  const code = cancelled ? 'cancelled' : (known?.code ?? 'internal');
  const message =
    cancelled && known === undefined ? 'interrupted' : error instanceof Error ? error.message : String(error);
  const hint =
    known === undefined && !cancelled
      ? 'this is a defect of tradedb: please report it with the lines below'
      : known?.hint;
  if (options.asJson) {
    return {
      text: `${JSON.stringify({ type: 'error', code, message, hint: hint ?? null, exitCode, ...(known?.details === undefined ? {} : { details: known.details }) })}\n`,
      exitCode,
    };
  }
  const { style } = options;
  const lines = [`${style.red('error:')} ${printable(message)}`];
  if (hint !== undefined) lines.push(`${style.dim('hint:')} ${printable(hint)}`);
  if ((known === undefined && !cancelled) || options.verbose) lines.push(stackOf(error));
  return { text: `${lines.join('\n')}\n`, exitCode };
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by: ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
