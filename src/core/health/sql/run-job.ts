import { TradedbError } from '../../error.ts';
import type { Finding } from '../../report.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { Row, SqlParameters } from '../../sqlite/statement.ts';
import { voteFindings, voteOnIndexes } from './index-vote.ts';
import { countedOffenders, type SqlJob, type SqlJobResult, shownOffenders } from './sql-job.ts';

type Outcome = Omit<SqlJobResult, 'durationMs'>;

const damageHint = 'stop the writers, then see: tradedb health recover --dry-run';

/** Runs one check. No statement stays open afterwards: an open one would pin a snapshot of the live database. */
export function runJob(connection: Connection, job: SqlJob): Outcome {
  try {
    return perform(connection, job);
  } catch (error) {
    if (!(error instanceof TradedbError)) throw error;
    if (error.code === 'database_corrupt' || error.code === 'not_a_database') {
      const found: Finding = { id: job.id, severity: 'critical', message: error.message, hint: damageHint };
      return { summary: error.message, findings: [found] };
    }
    if (job.work.kind === 'rule' && isMissingObject(error)) {
      return { summary: error.message, findings: [], skipped: `${error.message}: the rule does not fit this schema` };
    }
    throw error;
  }
}

function isMissingObject(error: TradedbError): boolean {
  return error.code === 'sql_error' && /^no such (table|column|view)/.test(error.message);
}

function perform(connection: Connection, job: SqlJob): Outcome {
  switch (job.work.kind) {
    case 'integrity':
      return integrity(connection, job, job.work.full);
    case 'foreign-keys':
      return foreignKeys(connection, job);
    case 'statistics':
      return statisticsDrift(connection, job);
    case 'index-vote':
      return indexVote(connection, job);
    case 'rule':
      return rule(connection, job, job.work);
    case 'trading':
      throw new Error('rules of the trading schema are run together');
  }
}

function integrity(connection: Connection, job: SqlJob, full: boolean): Outcome {
  const rows = connection.pragma(full ? 'integrity_check(100)' : 'quick_check(100)');
  const messages = rows.map((row) => String(Object.values(row)[0])).filter((message) => message !== 'ok');
  if (messages.length === 0) return { summary: 'ok', findings: [], value: 0 };
  const summary = `${messages.length}${messages.length === 100 ? ' or more' : ''} faults: ${messages[0]}`;
  const findings = messages.slice(0, shownOffenders).map(
    (message, index): Finding => ({
      id: job.id,
      severity: 'critical',
      message,
      ...(index === 0 ? { hint: damageHint } : {}),
    }),
  );
  return { summary, findings, value: messages.length };
}

function indexVote(connection: Connection, job: SqlJob): Outcome {
  const result = voteOnIndexes(connection);
  const findings = voteFindings(job.id, result);
  const skipped = result.skipped.length === 0 ? '' : `, ${result.skipped.length} cannot be compared`;
  const summary =
    findings.length === 0
      ? `${result.compared} indexes agree with their tables${skipped}`
      : `${new Set(result.votes.map(({ index }) => index)).size} of ${result.compared} indexes disagree with their tables`;
  return { summary, findings, value: result.votes.reduce((sum, { rows }) => sum + Math.max(1, rows), 0) };
}

interface Violation {
  table: string;
  rowid: number | bigint | null;
  parent: string;
  fkid: number;
}

function foreignKeys(connection: Connection, job: SqlJob): Outcome {
  const groups = new Map<string, { table: string; parent: string; count: number; rowids: string[] }>();
  let total = 0;
  for (const violation of connection.iterate<Violation>('PRAGMA foreign_key_check')) {
    const key = JSON.stringify([violation.table, violation.parent]);
    const group = groups.get(key) ?? { table: violation.table, parent: violation.parent, count: 0, rowids: [] };
    groups.set(key, group);
    group.count += 1;
    if (group.rowids.length < shownOffenders && violation.rowid !== null) group.rowids.push(String(violation.rowid));
    total += 1;
    if (total === countedOffenders) break;
  }
  if (total === 0) return { summary: 'every reference has its row', findings: [], value: 0 };
  const findings = [...groups.values()].map(
    ({ table, parent, count, rowids }): Finding => ({
      id: job.id,
      severity: job.severity,
      subject: table,
      message: `${count} rows point to missing rows of ${parent}: ${rowids.join(', ')}`,
      values: { count },
    }),
  );
  return { summary: `${total} rows point to missing rows`, findings, value: total };
}

/** Statistics that are off by ten mislead the planner about as much as none. */
const misleadingFactor = 10;

function statisticsDrift(connection: Connection, job: SqlJob): Outcome {
  const known = connection.value("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'");
  if (known === 0) return { summary: 'no statistics yet', findings: [], skipped: 'no statistics yet' };
  const rows = connection.all<{ tbl: string; stat: string }>(
    "SELECT tbl, max(stat) AS stat FROM sqlite_stat1 WHERE stat <> '' AND tbl IN (SELECT name FROM sqlite_schema) GROUP BY tbl",
  );
  const findings: Finding[] = [];
  for (const { tbl, stat } of rows) {
    const then = Number.parseInt(stat, 10);
    const now = Number(connection.value(`SELECT count(*) FROM ${quoteIdentifier(tbl)}`));
    const small = Math.max(then, now) < 1000;
    if (small || Math.max(then, now) < misleadingFactor * Math.max(1, Math.min(then, now))) continue;
    findings.push({
      id: job.id,
      severity: job.severity,
      subject: tbl,
      message: `the planner believes in ${then} rows, there are ${now}`,
      hint: 'tradedb vacuum optimize',
    });
  }
  const summary = `${rows.length} tables compared, ${findings.length} misleading`;
  return { summary, findings, value: findings.length };
}

function rule(connection: Connection, job: SqlJob, work: { sql: string; parameters: SqlParameters }): Outcome {
  const statement = connection.prepare(work.sql);
  if (!statement.readOnly || !statement.returnsRows) {
    throw new TradedbError('config_invalid', `rule ${job.id} must be one SELECT that changes nothing`);
  }
  const samples: string[] = [];
  let count = 0;
  for (const row of statement.withBigIntegers().iterate<Row>(work.parameters)) {
    count += 1;
    if (samples.length < shownOffenders) samples.push(describe(row));
    if (count === countedOffenders) break;
  }
  if (count === 0) return { summary: job.sentence, findings: [], value: 0 };
  const more = count === countedOffenders ? ' or more' : '';
  const summary = `${count}${more} ${count === 1 ? 'row breaks' : 'rows break'} it: ${samples.slice(0, 3).join('; ')}`;
  const finding: Finding = {
    id: job.id,
    severity: job.severity,
    message: `not so: ${job.sentence}; ${count}${more} ${count === 1 ? 'offender' : 'offenders'}: ${samples.join('; ')}`,
    hint: job.runbook,
    values: { count },
  };
  return { summary, findings: [finding], value: count };
}

/** The first columns of an offender, which a rule puts its keys into. */
function describe(row: Row): string {
  return Object.entries(row)
    .slice(0, 4)
    .map(([name, value]) => `${name}=${value instanceof Uint8Array ? `${value.length} bytes` : String(value)}`)
    .join(' ');
}
