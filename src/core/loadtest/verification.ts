import { type ConnectionPorts, openReadOnly } from '../sqlite/connection.ts';
import { checkRules, newlyBroken } from './business-rules.ts';
import type { Verification, VerifyRequest } from './child/protocol.ts';
import { resolveScenarios } from './scenario/resolve.ts';

const shownProblems = 20;

/** What the load must not have broken: the structure of the file, its foreign keys, the business rules and what the scenario
 * itself promises. */
export async function verifyDatabase(request: VerifyRequest, ports: ConnectionPorts): Promise<Verification> {
  const scenario = await resolveScenarios(request.scenarios);
  const connection = openReadOnly(request.path, { ...ports, busyTimeoutMs: request.busyTimeoutMs });
  try {
    const structure = connection.pragma('quick_check').map((row) => String(Object.values(row)[0]));
    const quickCheck = structure.length === 1 && structure[0] === 'ok' ? 'ok' : 'failed';
    const violations = connection.pragma('foreign_key_check');
    const rules = checkRules(connection);
    const complaints = quickCheck === 'ok' ? (scenario.check?.(connection) ?? []) : [];
    const problems = [
      ...(quickCheck === 'ok' ? [] : structure),
      ...violations.map((row) => `row ${row.rowid} of ${row.table} refers to a missing row of ${row.parent}`),
      ...complaints,
      ...newlyBroken(request.brokenBefore, rules.broken).map(
        (rule) => `rule ${rule.id} is broken by ${rule.count} rows: ${rule.sentence} (${rule.sample})`,
      ),
    ];
    return {
      quickCheck,
      foreignKeyViolations: violations.length,
      rulesChecked: rules.checked,
      problems: problems.slice(0, shownProblems),
    };
  } finally {
    connection.close();
  }
}
