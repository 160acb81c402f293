import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import { Adjustment } from './adjust.ts';
import { allOf, type Condition, dueCondition, requireUnit, timed } from './due.ts';
import { type RetentionPolicy, refuseEarlyLoss, refuseLedgerTables } from './policy.ts';
import { dayMs, requireSummary } from './summarise.ts';
import { joinOn, type Reference, readUnit, slowReferences, type UnitTable } from './unit.ts';

export interface PlanRequest {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Only rows before this moment, which must not be later than the policy's own cutoff. */
  readonly before: number | undefined;
  readonly allowSlow: boolean;
}

/** What a policy would do now. */
export interface PolicyPlan {
  /** With the table's name as the schema spells it. */
  readonly policy: RetentionPolicy;
  readonly tables: readonly UnitTable[];
  readonly schemaVersion: number;
  /** ISO 8601, UTC. */
  readonly cutoff: string;
  readonly due: Condition;
  /** Rows of the first table. */
  readonly rowsDue: number;
  /** As the time column holds them; null when nothing is due. */
  readonly oldest: string | null;
  readonly newest: string | null;
  /** About how much the due rows of the first table hold; from a sample. */
  readonly estimatedBytes: number;
  /** Triggers that would fire. */
  readonly triggers: readonly string[];
  /** Table that the policy keeps true while rows leave; null without one. */
  readonly adjusts: string | null;
}

/** Counts what is due under a policy, or refuses it; only asks questions. */
export function planPolicy(connection: Connection, configured: RetentionPolicy, request: PlanRequest): PolicyPlan {
  refuseLedgerTables([configured.table, ...configured.children]);
  refuseEarlyLoss(configured);
  requireSummary(configured);
  const cutoffMs = cutoffOf(configured, request);
  return connection.read(() => {
    const tables = readUnit(connection, configured.table, configured.children);
    const shape = (tables[0] as UnitTable).shape;
    const policy = { ...configured, table: shape.name };
    requireColumns(
      policy,
      shape.columns.map(({ name }) => name.toLowerCase()),
    );
    requireTimezone(policy);
    requireUnit(connection, policy, request.now);
    const triggers = tables.flatMap((table) => table.shape.deleteTriggers);
    requireTriggers(policy, triggers);
    const adjustment = Adjustment.of(connection, policy, tables);
    if (!request.allowSlow) refuseSlow(connection, tables);
    const old = [dueCondition(policy, cutoffMs), ...newestKept(connection, policy)];
    const due = allOf(policy.referenced === 'keep' ? [...old, ...notPointedTo(tables)] : old);
    if (policy.referenced !== 'keep') refuseInbound(connection, tables, due);
    const column = `t.${quoteIdentifier(policy.column)}`;
    const found = connection.get<{ rows: number; low: SqlValue; high: SqlValue }>(
      `SELECT count(*) AS rows, min(${column}) AS low, max(${column}) AS high FROM ${quoteIdentifier(policy.table)} AS t WHERE ${due.sql}`,
      due.values,
    );
    const text = (value: SqlValue | undefined): string | null => (value == null ? null : String(value));
    return {
      policy,
      tables,
      schemaVersion: Number(connection.pragmaValue('schema_version')),
      cutoff: new Date(cutoffMs).toISOString(),
      due,
      rowsDue: found?.rows ?? 0,
      oldest: text(found?.low),
      newest: text(found?.high),
      estimatedBytes: Math.round(
        (found?.rows ?? 0) *
          averageBytes(
            connection,
            policy.table,
            shape.columns.map(({ name }) => name),
            due,
          ),
      ),
      triggers,
      adjusts: adjustment?.table ?? null,
    };
  });
}

/** Average size of the stored values of a thousand due rows. */
function averageBytes(connection: Connection, table: string, columns: readonly string[], due: Condition): number {
  const sizes = columns.map((name) => `coalesce(length(CAST(s.${quoteIdentifier(name)} AS BLOB)), 0)`).join(' + ');
  const sample = `SELECT * FROM ${quoteIdentifier(table)} AS t WHERE ${due.sql} LIMIT 1000`;
  return Number(connection.value(`SELECT coalesce(avg(${sizes}), 0) FROM (${sample}) AS s`, due.values));
}

function cutoffOf(policy: RetentionPolicy, { now, before }: PlanRequest): number {
  const exact = now - policy.keep;
  // A day leaves whole when a summary of it stays.
  const own = wholeDays(policy) ? Math.floor(exact / dayMs) * dayMs : exact;
  if (policy.keep < 0) throw new TradedbError('usage', 'a policy cannot keep rows for a negative time');
  if (before === undefined) return own;
  if (wholeDays(policy) && before % dayMs !== 0) {
    throw new TradedbError('usage', `the policy of ${JSON.stringify(policy.table)} keeps a summary of whole days`, {
      hint: 'give --before the beginning of a day in UTC',
    });
  }
  if (before <= own) return before;
  throw new TradedbError(
    'usage',
    before > now
      ? 'the time of --before is in the future'
      : `--before is later than what the policy of ${JSON.stringify(policy.table)} lets go (${new Date(own).toISOString()})`,
    { hint: 'give an earlier time, or shorten keep in the policy' },
  );
}

/** Of UTC; in a zone of its own the condition itself keeps days whole. */
function wholeDays({ summary, timezone }: RetentionPolicy): boolean {
  return summary !== undefined && timezone === undefined;
}

function requireTimezone({ table, timezone, unit }: RetentionPolicy): void {
  if (timezone === undefined || unit === 'iso') return;
  throw new TradedbError('usage', `the policy of ${JSON.stringify(table)} has a timezone, and its unit is ${unit}`, {
    hint: 'numbers count from 1970 in UTC: take the timezone out, or correct the unit',
  });
}

function requireColumns(policy: RetentionPolicy, known: readonly string[]): void {
  const named = [policy.column, ...policy.hold.map(({ column }) => column), policy.states?.column ?? policy.column];
  const missing = named.find((name) => !known.includes(name.toLowerCase()));
  if (missing === undefined) return;
  throw new TradedbError(
    'usage',
    `the table ${JSON.stringify(policy.table)} has no column ${JSON.stringify(missing)}`,
    {
      hint: 'check maintenance.retention.policies',
    },
  );
}

export function requireTriggers(policy: RetentionPolicy, triggers: readonly string[]): void {
  if (triggers.length === 0 || policy.triggers === 'fire') return;
  throw new TradedbError(
    'usage',
    `deleting from ${JSON.stringify(policy.table)} would fire ${triggers.map((name) => JSON.stringify(name)).join(', ')}`,
    {
      hint: 'if that is wanted, say "triggers": "fire" in the policy',
    },
  );
}

function refuseSlow(connection: Connection, tables: readonly UnitTable[]): void {
  const [slow] = slowReferences(connection, tables);
  if (slow === undefined) return;
  throw new TradedbError(
    'usage',
    `${JSON.stringify(slow.child)} has no index on ${slow.from.join(', ')}: every deleted row would scan it`,
    {
      hint: 'create that index, or accept it with --allow-slow',
    },
  );
}

/** Rows older than the `minRows` newest ones; nothing for a policy that needs none. */
function newestKept(connection: Connection, policy: RetentionPolicy): Condition[] {
  if (policy.minRows === 0) return [];
  const column = `t.${quoteIdentifier(policy.column)}`;
  const oldestKept = connection
    .prepare(
      `SELECT ${column} AS v FROM ${quoteIdentifier(policy.table)} AS t WHERE ${timed(policy)} ORDER BY ${column} DESC LIMIT 1 OFFSET ?`,
    )
    .withBigIntegers()
    .get<{ v: SqlValue }>([BigInt(policy.minRows - 1)]);
  // Fewer rows than must stay: none may leave.
  return [oldestKept === undefined ? { sql: '0', values: [] } : { sql: `${column} < ?`, values: [oldestKept.v] }];
}

/** A reference from outside of the unit, and how it is reached from the root, which is called `t`. */
interface InboundPath {
  readonly table: UnitTable;
  readonly reference: Reference;
  /** Tables between the root and the one that is pointed to. */
  readonly from: readonly string[];
  readonly joins: readonly string[];
}

function inboundPaths(tables: readonly UnitTable[]): InboundPath[] {
  const alias = (index: number): string => (index === 0 ? 't' : `u${index}`);
  return tables.flatMap((table, index) => {
    const chain: number[] = [];
    for (let at: number | undefined = index; at !== undefined; at = tables[at]?.parent) chain.push(at);
    const from = chain
      .filter((at) => at !== 0)
      .map((at) => `${quoteIdentifier(tables[at]?.shape.name ?? '')} AS ${alias(at)}`);
    const links = chain.flatMap((at) => {
      const { link, parent } = tables[at] as UnitTable;
      return link === undefined || parent === undefined ? [] : [joinOn(link, alias(parent), alias(at))];
    });
    return table.inbound.map((reference) => ({
      ...{ table, reference },
      from: [...from, `${quoteIdentifier(reference.child)} AS x`],
      joins: [...links, joinOn(reference, alias(index), 'x')],
    }));
  });
}

/** Rows to which nothing points that would stay; a row that leaves in a later run makes room for its parent then. */
function notPointedTo(tables: readonly UnitTable[]): Condition[] {
  return inboundPaths(tables).map(({ from, joins }) => ({
    sql: `NOT EXISTS (SELECT 1 FROM ${from.join(', ')} WHERE ${joins.join(' AND ')})`,
    values: [],
  }));
}

/** Rows that do not leave must not point to rows that do. */
function refuseInbound(connection: Connection, tables: readonly UnitTable[], due: Condition): void {
  const root = quoteIdentifier(tables[0]?.shape.name ?? '');
  for (const { table, reference, from, joins } of inboundPaths(tables)) {
    const where = [`(${due.sql})`, ...joins].join(' AND ');
    const sql = `SELECT 1 FROM ${[`${root} AS t`, ...from].join(', ')} WHERE ${where} LIMIT 1`;
    if (connection.get(sql, due.values) === undefined) continue;
    throw new TradedbError(
      'usage',
      `rows of ${JSON.stringify(reference.child)} point to rows of ${JSON.stringify(table.shape.name)} that are due`,
      {
        hint: 'name that table among the children of the policy, let the policy leave those rows, or say "referenced": "keep"',
      },
    );
  }
}
