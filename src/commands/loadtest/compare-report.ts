import type { CompareData } from '../../core/loadtest/compare/run-compare.ts';
import type { CheckResult, Finding } from '../../core/report.ts';

export function compareFindings(data: CompareData): Finding[] {
  const findings = data.metrics
    .filter((metric) => metric.gated && metric.verdict === 'regression')
    .map(
      (metric): Finding => ({
        id: 'loadtest.regression',
        severity: 'critical',
        subject: metric.name,
        message: `${((metric.medianRatio - 1) * 100).toFixed(1)}% more, p ${metric.pCorrected.toFixed(3)}`,
      }),
    );
  if (data.control?.rejected === true) {
    findings.push({
      id: 'loadtest.control-rejected',
      severity: 'warning',
      message: 'A differs from itself on this machine: nothing can be told',
      hint: 'run it where nothing else runs, or with more --pairs',
    });
  } else if (data.verdict === 'unresolved') {
    const worst = Math.max(
      ...data.metrics.filter((metric) => metric.gated).map((metric) => metric.resolution ?? Infinity),
    );
    findings.push({
      id: 'loadtest.unresolved',
      severity: 'warning',
      message: `changes below ${(worst * 100).toFixed(0)}% cannot be resolved here`,
      hint: 'allow more with --max-pairs, or a longer --slice',
    });
  }
  return findings;
}

/** What could not be told is skipped, which is no pass. */
export function compareChecks(data: CompareData): CheckResult[] {
  return data.metrics
    .filter((metric) => metric.gated)
    .map((metric) => ({
      id: metric.name,
      group: 'compare',
      status: metric.verdict === 'regression' ? 'critical' : metric.verdict === 'unresolved' ? 'skipped' : 'ok',
      message: `${metric.verdict}: ${((metric.medianRatio - 1) * 100).toFixed(1)}%, p ${metric.pCorrected.toFixed(3)}`,
      durationMs: 0,
    }));
}
