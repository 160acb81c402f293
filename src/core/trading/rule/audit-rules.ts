import type { Connection } from '../../sqlite/connection.ts';
import { walkWholeAudit } from '../audit/walk.ts';
import type { Offender, Rule } from './rule.ts';

/**
 * Always the whole chain: a link proves the hashes before it, not the rows, so that a walk from a remembered anchor
 * would not see a row before it whose content was changed.
 */
function brokenLinks(connection: Connection): Offender[] {
  const { broken } = walkWholeAudit(connection);
  return broken === undefined ? [] : [{ subject: broken.message }];
}

export const auditRules: readonly Rule[] = [
  {
    id: 'I28',
    tier: 'deep',
    severity: 'critical',
    sentence: 'the audit chain is whole',
    tables: ['audit_log'],
    after: [],
    sql: '',
    inspect: brokenLinks,
  },
];
