import type { Finding } from '../../report.ts';
import type { AuditVerification } from './verify.ts';

/** Contradictions of one source that are told one by one. */
const mostTold = 5;

export function auditFindings(verification: AuditVerification): Finding[] {
  const { broken, triggers, contradictions, sources, proven, head } = verification;
  const findings: Finding[] = [];
  if (!verification.isThere) {
    const hint = 'the audit log belongs to the trading schema: tradedb init makes a database with it';
    findings.push({
      id: 'audit.missing',
      severity: 'warning',
      message: 'there is no audit log in this database',
      hint,
    });
  }
  if (broken !== null) {
    findings.push({
      id: 'audit.chain',
      severity: 'critical',
      message: `${broken.message}; rows up to ${proven} are proven, nothing after them is`,
      hint: 'compare with the newest backup whose log is whole (tradedb restore run --to <file>) before anything is corrected by hand',
      values: { seq: broken.seq, kind: broken.kind },
    });
  }
  for (const { source: name } of sources) {
    const own = contradictions.filter(({ source }) => source === name);
    for (const { message, seq, verdict } of own.slice(0, mostTold)) {
      findings.push({ id: 'audit.anchor', severity: 'critical', message, hint: acceptHint, values: { seq, verdict } });
    }
    if (own.length > mostTold) {
      const message = `and ${own.length - mostTold} more anchors of ${name} (--json shows all)`;
      findings.push({ id: 'audit.anchor', severity: 'critical', message });
    }
  }
  for (const { source, unreadable } of sources.filter((one) => one.unreadable.length > 0)) {
    findings.push({
      id: 'audit.anchor_file',
      severity: 'warning',
      subject: source,
      message: `no anchor can be read in ${unreadable.length === 1 ? 'line' : 'lines'} ${unreadable.slice(0, 10).join(', ')}: changed, or cut off by a loss of power`,
    });
  }
  for (const { name, fault } of triggers) {
    findings.push({
      id: 'audit.trigger',
      severity: 'warning',
      subject: name,
      message: `the trigger that keeps the log append-only ${fault === 'missing' ? 'is missing' : 'is not the one of the schema'}`,
      hint: 'tradedb migrate drift shows what else is different',
    });
  }
  const held = sources.reduce((sum, one) => sum + one.held, 0);
  if (head !== null && held === 0 && contradictions.length === 0) {
    findings.push({
      id: 'audit.no_anchor',
      severity: 'info',
      message:
        'nothing outside of the database says where its chain stood: a cut tail, or a rewrite of all of it, would not show',
      hint: 'name a file on another machine in trading.audit.anchorFile, then: tradedb health audit --anchor',
    });
  }
  return findings;
}

const acceptHint =
  'if the database was restored or made anew on purpose, say so: tradedb health audit --accept "<reason>"';
