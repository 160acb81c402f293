import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { Rule } from '../rule/rule.ts';
import { tradingRules } from '../rule/rules.ts';
import { type RuleOptions, type RuleResult, runRules } from '../rule/run-rules.ts';
import type { HasColumn, Profile, ProfileRule } from './profile.ts';

/** A rule of a profile, or of the reference schema on its views, as lists show it. */
export type ProfileRuleInfo = Pick<Rule, 'id' | 'tier' | 'severity' | 'sentence' | 'sql'>;

const everything: HasColumn = () => true;

/** All rules of a profile, causes before what they explain; the SQL as it is for the newest file. */
export function rulesOfProfile(profile: Profile): readonly ProfileRuleInfo[] {
  const own = profile.rules.map(({ id, tier, severity, sentence, sql }) => {
    return { id, tier, severity, sentence, sql: sql?.(everything) ?? '' };
  });
  return [...own, ...tradingRules.filter(({ id }) => profile.applies.includes(id))];
}

/**
 * Runs rules of a profile on the file of its program. The views exist in the temporary schema of this connection alone
 * and go again; the handle stays one for reading, so the file's bytes stay as they are.
 */
export function runProfileRules(
  connection: Connection,
  profile: Profile,
  options: RuleOptions & { readonly ids?: ReadonlySet<string> },
): RuleResult[] {
  const has = columnsOf(connection);
  const lacking = (profile.columns ?? []).filter((name) => !has(...(name.split('.') as [string, string])));
  const unfit = lacking.length === 0 ? {} : { unfit: `this file has no ${lacking.join(', ')}` };
  const rules = [
    ...profile.rules.map((rule) => ownRule(rule, connection, has)),
    ...tradingRules
      .filter(({ id }) => profile.applies.includes(id))
      .map((rule) => ({ ...onViews(rule, profile, connection), ...unfit })),
  ].filter(({ id }) => options.ids?.has(id) ?? true);
  const views = Object.entries(isWhole(profile, has) ? profile.views(has) : {});
  const queryOnly = connection.pragmaValue('query_only');
  try {
    connection.pragma('query_only = 0');
    for (const [name, sql] of views) connection.exec(`CREATE TEMP VIEW ${quoteIdentifier(name)} AS ${sql}`);
    connection.pragma('query_only = 1');
    return runRules(connection, { ...options, rules });
  } finally {
    connection.pragma('query_only = 0');
    for (const [name] of views) connection.exec(`DROP VIEW IF EXISTS temp.${quoteIdentifier(name)}`);
    connection.pragma(`query_only = ${queryOnly}`);
  }
}

/** Views over tables that are not there cannot be made. */
function isWhole(profile: Profile, has: HasColumn): boolean {
  return profile.tables.every((table) => has(table));
}

/** SQLite compares names without case, and so does this. */
function columnsOf(connection: Connection): HasColumn {
  const names = new Set<string>();
  const rows = connection.all<{ tbl: string; name: string }>(
    `SELECT m.name AS tbl, c.name AS name FROM main.sqlite_schema m JOIN pragma_table_xinfo(m.name, 'main') c WHERE m.type = 'table'`,
  );
  for (const { tbl, name } of rows) names.add(tbl.toLowerCase()).add(`${tbl}.${name}`.toLowerCase());
  return (table, column) => names.has((column === undefined ? table : `${table}.${column}`).toLowerCase());
}

function ownRule(rule: ProfileRule, connection: Connection, has: HasColumn): Rule {
  const { confirm, inspect, needs, sql, ...common } = rule;
  const lacking = needs.filter((need) => !has(...(need.split('.') as [string, string?])));
  return {
    ...common,
    sql: lacking.length === 0 ? (sql?.(has) ?? '') : '',
    tables: [],
    ...(lacking.length === 0 ? {} : { unfit: `this file has no ${lacking.join(', ')}` }),
    ...(confirm === undefined ? {} : { confirm: (row) => confirm(row, connection) }),
    ...(inspect === undefined ? {} : { inspect: () => inspect(connection, has) }),
  };
}

function onViews(rule: Rule, profile: Profile, connection: Connection): Rule {
  const confirm = profile.confirm[rule.id];
  const sql = profile.sql?.[rule.id];
  return {
    ...rule,
    ...(sql === undefined ? {} : { sql }),
    ...(confirm === undefined ? {} : { confirm: (row) => confirm(row, connection) }),
  };
}
