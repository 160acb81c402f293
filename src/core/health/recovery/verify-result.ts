import { rmSync } from 'node:fs';
import type { OperationContext } from '../../context.ts';
import { sqliteJobs } from '../registry.ts';
import { tableNames } from '../schema-pages.ts';
import type { SqlJob } from '../sql/sql-job.ts';
import { SqlSession } from '../sql/sql-session.ts';
import { gatherTarget } from '../target.ts';

export interface RuleVerdict {
  readonly id: string;
  readonly rows: number;
  readonly summary: string;
}

export interface Verification {
  /** What integrity_check says; empty: ok. */
  readonly integrity: readonly string[];
  readonly foreignKeyViolations: number;
  /** Business rules that rows of the result break. */
  readonly rules: readonly RuleVerdict[];
  readonly rulesChecked: number;
}

/** Lets SQLite judge a finished result, in a child process with a deadline. */
export async function verifyResult(
  path: string,
  options: {
    readonly timeoutMs: number;
    rules(tables: ReadonlySet<string>): Promise<readonly SqlJob[]>;
  },
  context: OperationContext,
): Promise<Verification> {
  const rules = await options.rules(tablesOf(path));
  const session = new SqlSession(context, options.timeoutMs);
  try {
    await session.open(path, false, 5000);
    const integrity = await session.run(builtIn('sqlite.integrity'));
    if (integrity.findings.length > 0) {
      const messages = integrity.findings.map(({ message }) => message);
      return { integrity: messages, foreignKeyViolations: 0, rules: [], rulesChecked: 0 };
    }
    const references = await session.run(builtIn('sqlite.foreign-keys'));
    return { integrity: [], foreignKeyViolations: references.value ?? 0, ...(await runRules(session, rules)) };
  } finally {
    await session.close();
    for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
  }
}

function builtIn(id: string): SqlJob {
  const found = sqliteJobs.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no check ${id}`);
  return found;
}

async function runRules(
  session: SqlSession,
  rules: readonly SqlJob[],
): Promise<Pick<Verification, 'rules' | 'rulesChecked'>> {
  const trading = rules.filter(({ work }) => work.kind === 'trading');
  const own = rules.filter(({ work }) => work.kind !== 'trading');
  const results = trading.length === 0 ? [] : [...(await session.runTrading(trading))];
  for (const job of own) results.push(await session.run(job));
  const jobs = [...trading, ...own];
  const broken = results.flatMap((result, index) => {
    const id = jobs[index]?.id ?? '';
    const isBroken = result.findings.some(({ severity }) => severity !== 'info');
    return isBroken ? [{ id, rows: result.value ?? 0, summary: result.summary }] : [];
  });
  return { rules: broken, rulesChecked: results.filter((one) => one.skipped === undefined).length };
}

function tablesOf(path: string): ReadonlySet<string> {
  const target = gatherTarget(path);
  try {
    return tableNames(target);
  } finally {
    target.files.close();
  }
}
