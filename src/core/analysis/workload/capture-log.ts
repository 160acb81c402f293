import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fromFileSystem, TradedbError } from '../../error.ts';
import type { EngineFacts } from '../settings/engine-advice.ts';
import { decodeParameters, parseJson } from './parameter-value.ts';
import type { WorkloadBuilder } from './workload-builder.ts';

const captureVersion = 1n;

/** Adds the executions of a capture file: one JSON object per line, a header first and after each restart. */
export async function readCaptureLog(path: string, builder: WorkloadBuilder): Promise<void> {
  let headers = 0;
  let broken = 0;
  try {
    const lines = createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY });
    for await (const line of lines) {
      if (line.trim() === '') continue;
      const entry = parseLine(line);
      if (entry === undefined) broken += 1;
      else if ('tradedbCapture' in entry) headers += readHeader(entry, path, builder);
      else readExecution(entry, builder);
    }
  } catch (error) {
    throw fromFileSystem(error, path);
  }
  if (headers === 0) {
    throw new TradedbError('usage', `${JSON.stringify(path)} is no capture file: it has no header line`, {
      hint: 'its first line is {"tradedbCapture":1,...}; see docs/analyze.md',
    });
  }
  // A program that was stopped while it wrote leaves half a line.
  for (let count = 0; count < broken; count++) builder.skip('line that is no JSON object');
}

type Entry = Readonly<Record<string, unknown>>;

function parseLine(line: string): Entry | undefined {
  try {
    const value = parseJson(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Entry) : undefined;
  } catch {
    return undefined;
  }
}

function readHeader(entry: Entry, path: string, builder: WorkloadBuilder): 1 {
  if (entry.tradedbCapture !== captureVersion) {
    throw new TradedbError('usage', `${JSON.stringify(path)} has capture version ${String(entry.tradedbCapture)}`, {
      hint: 'this tradedb reads version 1',
    });
  }
  builder.engine ??= engineFromJson(entry);
  return 1;
}

function readExecution(entry: Entry, builder: WorkloadBuilder): void {
  if (typeof entry.sql !== 'string') {
    builder.skip('line without "sql"');
    return;
  }
  try {
    const values = decodeParameters(entry.params);
    builder.add({ sql: entry.sql, weight: 1, sets: [{ values, executions: 1 }] });
  } catch (error) {
    if (!(error instanceof TradedbError)) throw error;
    builder.skip(error.message);
  }
}

/** Facts about an engine from a capture header or an `@engine` line. */
export function engineFromJson(value: unknown): EngineFacts {
  if (typeof value !== 'object' || value === null) throw new TradedbError('usage', 'expected a JSON object');
  const entry = value as Entry;
  const pragmas = typeof entry.pragmas === 'object' && entry.pragmas !== null ? entry.pragmas : {};
  return {
    name: typeof entry.engine === 'string' ? entry.engine : 'engine',
    sqliteVersion: typeof entry.sqliteVersion === 'string' ? entry.sqliteVersion : 'unknown',
    stat4: entry.stat4 === true,
    pragmas: Object.fromEntries(Object.entries(pragmas).map(([name, text]) => [name, String(text)])),
  };
}
