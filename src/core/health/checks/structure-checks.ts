import { formatDuration } from '../../config/duration.ts';
import type { Finding } from '../../report.ts';
import { type CheckInput, type CheckOutcome, finding, type HealthCheck } from '../check.ts';
import type { StructureFault } from '../structure/page-roles.ts';
import { rollbackWriterActive } from '../target.ts';

const recoverHint = 'stop the writers, then see: tradedb health recover --dry-run';

/** Why pages cannot be judged now. */
function reasonToWait({ target }: CheckInput): string | undefined {
  if (target.header === undefined) return 'the header cannot be read';
  if (target.journal?.header !== undefined && !rollbackWriterActive(target)) {
    return 'an interrupted transaction is rolled back first (journal.hot)';
  }
  return rollbackWriterActive(target) ? 'a writer is in the middle of its transaction' : undefined;
}

export const structurePage: HealthCheck = {
  id: 'structure.page',
  sentence: 'every page is what its tree, chain or list needs it to be',
  cost: 'cheap',
  async run(input) {
    const wait = reasonToWait(input);
    if (wait !== undefined) return { summary: wait, skipped: wait };
    const { scan, faults, undecided } = await input.scan();
    const seen = scan.complete ? `${scan.pagesTotal} pages` : `${scan.pagesScanned} of ${scan.pagesTotal} pages`;
    const unused = faults.filter((fault) => fault.kind === 'unused');
    const damaged = faults.filter((fault) => fault.kind !== 'unused');
    const base: CheckOutcome = {
      summary: `${seen}, ${damaged.length} damaged, ${formatDuration(Math.max(1, Math.round(scan.durationMs)))}`,
      value: damaged.length,
      unit: 'pages',
    };
    if (damaged.length > 0) return { ...base, damage: true, findings: damageFindings(damaged, scan.faultCount) };
    if (unused.length > 0) return { ...base, findings: [unusedFinding(unused, scan.faultCount)] };
    if (undecided > 0) {
      return {
        ...base,
        summary: `${seen}; ${undecided} places changed while they were looked at, and are seen again next time`,
      };
    }
    return base;
  },
};

function damageFindings(faults: readonly StructureFault[], total: number): Finding[] {
  const shown = faults.slice(0, 20).map((fault, index) =>
    finding('structure.page', 'critical', fault.message, {
      subject: `page ${fault.page}`,
      ...(index === 0 ? { hint: recoverHint } : {}),
      values: { page: fault.page, kind: fault.kind },
    }),
  );
  const rest = Math.max(faults.length, total) - shown.length;
  if (rest > 0) shown.push(finding('structure.page', 'critical', `${rest} more faults of this kind`));
  return shown;
}

function unusedFinding(unused: readonly StructureFault[], total: number): Finding {
  const count = Math.max(unused.length, total);
  const pages = unused.slice(0, 10).map((fault) => fault.page);
  const message = `${count} ${count === 1 ? 'page is' : 'pages are'} neither used nor free: ${pages.join(', ')}`;
  return finding('structure.page', 'warning', message, {
    hint: 'tradedb vacuum builds the file anew',
    values: { count },
  });
}

export const structureFreelist: HealthCheck = {
  id: 'structure.freelist',
  sentence: 'the list of free pages is whole and as long as the header says',
  cost: 'cheap',
  async run(input) {
    const wait = reasonToWait(input);
    if (wait !== undefined) return { summary: wait, skipped: wait };
    const { scan, freelistFault } = await input.scan();
    const count = scan.freelist.trunks.length + scan.freelist.leaves.length;
    if (freelistFault === undefined) return { summary: `${count} free pages`, value: count, unit: 'pages' };
    const message = `the freelist is damaged: ${freelistFault.message}`;
    const subject = freelistFault.page === 0 ? {} : { subject: `page ${freelistFault.page}` };
    const findings = [finding('structure.freelist', 'critical', message, { ...subject, hint: recoverHint })];
    return { summary: message, damage: true, findings };
  },
};
