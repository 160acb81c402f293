import type { Outcome } from './unit-loader.ts';

/** Rows of a stream in one run: read is always the sum of the others. */
export interface StreamCounts {
  new: number;
  same: number;
  updated: number;
  held: number;
  nothing: number;
}

export function noRows(): StreamCounts {
  return { new: 0, same: 0, updated: 0, held: 0, nothing: 0 };
}

export function addRow(counts: StreamCounts, outcome: Outcome): void {
  counts[outcome] += 1;
}

export function addRows(counts: StreamCounts, more: StreamCounts): void {
  counts.new += more.new;
  counts.same += more.same;
  counts.updated += more.updated;
  counts.held += more.held;
  counts.nothing += more.nothing;
}

export function rowsRead(counts: StreamCounts): number {
  return counts.new + counts.same + counts.updated + counts.held + counts.nothing;
}
