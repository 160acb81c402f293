import type { Connection } from '../../sqlite/connection.ts';
import { planFacts } from '../query-plan/plan-facts.ts';

/** Full scans of tables, temporary b-trees and automatic indexes that the second plan has and the first has not. */
export function gainedSteps(
  before: readonly string[],
  after: readonly string[],
  sql: string,
  connection: Connection,
): string[] {
  const tables = new Set(
    connection.all<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'").map((row) => row.name),
  );
  const slow = (lines: readonly string[]): string[] => {
    const steps = lines.map((line) => ({ detail: line.trim(), depth: 0, logCost: 0 }));
    const facts = planFacts(steps, sql, tables);
    return [
      ...facts.fullScans.filter((scan) => scan.index === null).map((scan) => `full scan of ${scan.name}`),
      ...facts.tempBtrees.map((purpose) => `temporary b-tree for ${purpose}`),
      ...facts.automaticIndexes.map((table) => `automatic index on ${table}`),
    ];
  };
  const known = new Set(slow(before));
  return slow(after).filter((one) => !known.has(one));
}
