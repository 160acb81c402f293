import { type ConnectionPorts, openMemory } from '../../sqlite/connection.ts';
import { explainPlan } from './plan.ts';
import { planCost } from './plan-cost.ts';

/**
 * Whether the planner's cost column still means what it meant when this was written: it is undocumented, and a release
 * of SQLite may change it. When false, plans must not be ranked by cost.
 */
export function costIsUsable(ports: ConnectionPorts): boolean {
  const connection = openMemory(ports);
  try {
    connection.exec(`CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, c, u UNIQUE); CREATE INDEX ia ON t(a, b); ANALYZE;
      INSERT INTO sqlite_stat1 VALUES ('t', 'ia', '100000 50 2'), ('t', 'sqlite_autoindex_t_1', '100000 1'); ANALYZE sqlite_schema`);
    const cost = (where: string, columns = '*'): number =>
      planCost(explainPlan(connection, `SELECT ${columns} FROM t ${where}`, []));
    const unique = cost('WHERE u = 5');
    const range = cost('WHERE a = 5');
    const scan = cost('');
    const covering = cost('WHERE a = 5', 'a, b');
    return unique > 0 && unique < range && range < scan && covering < range;
  } finally {
    connection.close();
  }
}
