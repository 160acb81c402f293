import type { AlertRule } from '../../src/core/alert/rule.ts';

/** A rule over metric `m`: warning from 10, critical from 20, clear below 5, at once. */
export function alertRule(parts: Partial<AlertRule> = {}): AlertRule {
  return {
    id: 'r',
    metric: 'm',
    select: {},
    except: {},
    direction: 'above',
    limits: { warning: 10, critical: 20 },
    clear: { warning: 5 },
    forMs: 0,
    keepMs: 0,
    nodata: 'keep',
    group: 'default',
    labels: {},
    ...parts,
  };
}
