import type { Logger, LogLevel } from '../core/context.ts';

const order: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const words: Readonly<Record<LogLevel, string>> = { debug: 'debug', info: 'info', warn: 'warning', error: 'error' };

/** Log on stderr: lines for people, or one JSON object per line where the caller parses stderr. */
export function createLogger(minimum: LogLevel, asJson: boolean, write: (line: string) => void): Logger {
  const log = (level: LogLevel) => (message: string, fields?: Record<string, unknown>) => {
    if (order[level] < order[minimum]) return;
    if (asJson) {
      write(`${JSON.stringify({ type: 'log', level, message, ...fields })}\n`);
      return;
    }
    const detail = Object.entries(fields ?? {}).map(([name, value]) => `  ${name}=${String(value)}`);
    write(`${words[level]}: ${message}${detail.join('')}\n`);
  };
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
}
