import { loadedSqlite } from '../../file-access/sqlite-version.ts';
import { hasWalResetBug, versionNumberOf, walResetFixedIn } from '../../sqlite/wal-reset-bug.ts';
import { finding, type HealthCheck } from '../check.ts';

/** More processes than these are not looked into one by one. */
const mostProcesses = 32;

export const writerVersion: HealthCheck = {
  id: 'connections.version',
  sentence: 'no connected process has a SQLite that can lose commits in WAL mode',
  cost: 'cheap',
  run({ target }) {
    const { holders, header } = target;
    if (holders === undefined) return { summary: 'no lock table', skipped: 'this system shows no locks' };
    if (holders.length === 0) return { summary: 'no process seen' };
    const known = new Map<string, string | undefined>();
    const found = holders
      .slice(0, mostProcesses)
      .map((holder) => ({ holder, sqlite: loadedSqlite(holder.pid, known) }));
    // With one connection nobody else writes or checkpoints.
    const isExposed = header?.readVersion === 2 && holders.length > 1;
    const findings = found.flatMap(({ holder, sqlite }) => {
      if (sqlite === undefined || !isExposed || !hasWalResetBug(versionNumberOf(sqlite.version))) return [];
      const message = `pid ${holder.pid} "${holder.command}" has SQLite ${sqlite.version}, which can lose commits when two connections write or checkpoint`;
      return [
        finding('connections.version', 'warning', message, {
          subject: `pid ${holder.pid}`,
          hint: `update ${sqlite.file} to ${walResetFixedIn}`,
        }),
      ];
    });
    const versions = Map.groupBy(found, ({ sqlite }) => sqlite?.version ?? 'not known');
    const summary = [...versions].map(([version, those]) => `${those.length} with ${version}`).join(', ');
    return { summary, value: findings.length, unit: 'count', findings };
  },
};
