import { closeSync, openSync, writeSync } from 'node:fs';
import type { ServiceLog } from '../commands/definition.ts';
import type { LogLevel } from '../core/context.ts';
import { fromFileSystem } from '../core/error.ts';

const order: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface ServiceLogSettings {
  readonly level: LogLevel;
  /** Absolute; undefined: stderr. */
  readonly file: string | undefined;
  /** One JSON object per line instead of `time level event name=value`. */
  readonly asJson: boolean;
}

/**
 * The log of a service: one line per event, with its time. A file is opened for appending and stays open, so that a
 * rotation renames it and asks for `reopen`.
 */
export function createServiceLog(
  settings: ServiceLogSettings,
  ports: { readonly wallTime: () => number; readonly writeError: (text: string) => void },
): ServiceLog {
  const { level: minimum, file, asJson } = settings;
  let descriptor = file === undefined ? undefined : open(file);
  const write = (line: string): void => {
    if (descriptor === undefined) {
      ports.writeError(line);
      return;
    }
    try {
      writeSync(descriptor, line);
    } catch (error) {
      // A full disk must not end the service; what could not be written goes where somebody may see it.
      ports.writeError(`the log cannot be written: ${String(error)}\n${line}`);
    }
  };
  const log =
    (level: LogLevel) =>
    (event: string, fields: Record<string, unknown> = {}) => {
      if (order[level] < order[minimum]) return;
      const time = new Date(ports.wallTime()).toISOString();
      if (asJson) {
        write(`${JSON.stringify({ time, level, event, ...fields })}\n`);
        return;
      }
      const detail = Object.entries(fields).map(([name, value]) => ` ${name}=${textOf(value)}`);
      write(`${time} ${level.padEnd(5)} ${event}${detail.join('')}\n`);
    };
  return {
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    reopen() {
      if (file === undefined) return;
      const next = open(file);
      if (descriptor !== undefined) closeSync(descriptor);
      descriptor = next;
    },
  };
}

/** Quoted where a space or a control character would make the line ambiguous. */
function textOf(value: unknown): string {
  const text = String(value);
  return /^[\w.:/@+,-]+$/.test(text) ? text : JSON.stringify(text);
}

function open(path: string): number {
  try {
    return openSync(path, 'a', 0o640);
  } catch (error) {
    throw fromFileSystem(error, path);
  }
}
