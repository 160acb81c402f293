import type { OperationContext } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import {
  type Coverage,
  coverageOf,
  type Differences,
  type EvidenceSource,
  findDifferences,
  type PageEvidence,
} from '../evidence/page-evidence.ts';
import type { SchemaEntry } from '../schema-pages.ts';
import { openSalvageSource, type SalvageSource } from './salvage-source.ts';
import { findSchema, type SalvageSchema } from './schema-source.ts';
import { type DamageByTree, damageByTree } from './tree-damage.ts';

export interface Damage {
  /** `header`, `truncated`, `wal-chain`, `wal-foreign`, `journal`, `freelist`, `changed`, or the kind of a page fault. */
  readonly class: string;
  readonly count: number;
  /** The first pages, where pages are concerned. */
  readonly pages: readonly number[];
  readonly tables: readonly string[];
  readonly indexes: readonly string[];
  readonly message: string;
}

/** What a repository can contribute. */
export interface FoundEvidence {
  readonly evidence: PageEvidence;
  readonly coverage: Coverage;
  /** Undefined when not every write since is known: then a different page proves nothing. */
  readonly differences: Differences | undefined;
}

export interface Inspection {
  /** The pages as the WAL up to its break gives them, or a hot journal. */
  readonly source: SalvageSource;
  /** The same with the commits behind a break of the WAL; the same object when there are none. */
  readonly salvageSource: SalvageSource;
  /** The same with a WAL that was left out because it is older than the file. */
  readonly olderWal: SalvageSource | undefined;
  readonly schema: SalvageSchema;
  readonly byTree: DamageByTree;
  readonly damage: readonly Damage[];
  readonly found: FoundEvidence | undefined;
  /** Why there is no evidence. */
  readonly noEvidence: string | undefined;
  close(): void;
}

export interface InspectRequest {
  readonly path: string;
  readonly fileSchema: readonly SchemaEntry[] | undefined;
  readonly evidence: EvidenceSource;
  readonly backupId: string | undefined;
  /** Take a WAL that cannot be proven to be of the newest state. */
  readonly includeWal: boolean;
}

/** Reads everything that a plan needs; opens nothing in SQLite. */
export async function inspect(request: InspectRequest, context: OperationContext): Promise<Inspection> {
  const options = { clock: context.clock, throwIfCancelled: () => throwIfCancelled(context.signal) };
  const open = (withReanchored: boolean, trustWal: boolean): SalvageSource =>
    openSalvageSource(request.path, { ...options, withReanchored, trustWal });
  const source = open(false, request.includeWal);
  const isBroken = source.target.wal.fault?.kind === 'chain' && source.walIgnored === undefined;
  const further = isBroken ? open(true, request.includeWal) : undefined;
  const older = source.walIgnored === undefined ? undefined : open(false, true);
  const close = (): void => {
    source.close();
    further?.close();
    older?.close();
  };
  try {
    const salvageSource = further?.reanchored === undefined ? source : further;
    const schema = findSchema(salvageSource, request.fileSchema);
    const byTree = damageByTree(source, schema);
    const known = await request.evidence(request.backupId);
    const found = typeof known === 'string' ? undefined : weigh(source, known, options.throwIfCancelled);
    const damage = listDamage(source, byTree, found);
    return {
      source,
      salvageSource,
      olderWal: older?.walIgnored === undefined ? older : undefined,
      schema,
      byTree,
      damage,
      found,
      noEvidence: typeof known === 'string' ? known : undefined,
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function weigh(source: SalvageSource, evidence: PageEvidence, proceed: () => void): FoundEvidence {
  const coverage =
    source.walIgnored === undefined
      ? coverageOf(source.target, evidence)
      : ({ complete: false, reason: 'the WAL is of another database' } as const);
  const differences = coverage.complete
    ? findDifferences(source.pages, evidence, { tail: coverage.tail }, proceed)
    : undefined;
  return { evidence, coverage, differences };
}

/** What is damaged, by class. */
function listDamage(source: SalvageSource, byTree: DamageByTree, found: FoundEvidence | undefined): Damage[] {
  const { target } = source;
  const damage: Damage[] = [];
  const note = (name: string, message: string, pages: readonly number[] = [], count = 1): void => {
    const names = (trees: DamageByTree['tables']) =>
      trees.filter((tree) => tree.pages.some((page) => pages.includes(page))).map(({ entry }) => entry.name);
    damage.push({
      class: name,
      count,
      pages: pages.slice(0, 50),
      tables: names(byTree.tables),
      indexes: names(byTree.indexes),
      message,
    });
  };
  if (target.headerProblem !== undefined) note('header', 'the header of the database is destroyed', [1]);
  const expected = target.pageCount * target.pageSize;
  if (
    !source.headerLost &&
    target.sizeBytes < expected &&
    target.wal.frameOf.size === 0 &&
    source.journal === undefined
  ) {
    const missing = target.pageCount - Math.floor(target.sizeBytes / target.pageSize);
    note('truncated', `the file is cut: ${missing} pages are missing`, [], missing);
  }
  if (source.walIgnored !== undefined)
    note('wal-foreign', `the -wal file is not of this database: ${source.walIgnored}`);
  else if (target.wal.fault !== undefined) note('wal-chain', target.wal.fault.message);
  if (source.journal?.images.fault !== undefined) note('journal', source.journal.images.fault);
  if (source.freelist.fault !== undefined) note('freelist', source.freelist.fault.message);
  for (const [kind, faults] of Map.groupBy(source.faults, (fault) => fault.kind)) {
    const pages = [...new Set(faults.map(({ page }) => page))];
    note(kind, faults[0]?.message ?? kind, pages, faults.length);
  }
  const changed = found?.differences?.pages ?? [];
  if (changed.length > 0) {
    const message = `${changed.length} pages differ from backup ${found?.evidence.backupId}, though nothing is known to have written them`;
    note('changed', message, changed, changed.length);
  }
  return damage;
}
