import type { Report } from '../../core/report.ts';

/** One document; BigInt becomes a number where that is exact, otherwise its decimal text. */
export function renderJson(report: Report): string {
  return `${JSON.stringify(report, jsonValue, 2)}\n`;
}

/** One line of NDJSON. */
export function renderJsonLine(value: unknown): string {
  return `${JSON.stringify(value, jsonValue)}\n`;
}

function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return value;
}
