import { ageText } from '../figures.ts';
import { type Line, piece, plainLine, type Tone } from '../line.ts';
import type { DashboardState } from '../state.ts';
import { fitText, safeText, wrapText } from '../text-width.ts';

const tones: Readonly<Record<string, Tone>> = {
  ok: 'good',
  warning: 'warn',
  skipped: 'warn',
  failed: 'bad',
  timeout: 'bad',
};

/** What the jobs of monitor serve did, newest first. */
export function jobsView({ jobs }: DashboardState, columns: number, rows: number): Line[] {
  if (jobs === undefined || jobs.length === 0) {
    const why = jobs === undefined ? 'There is no history here.' : 'No job has run yet.';
    return wrapText(`${why} tradedb monitor serve runs the jobs of "schedules" and keeps what they did.`, columns).map(
      (line) => plainLine(line, 'dim'),
    );
  }
  const head = plainLine(
    `${fitText('ENDED (UTC)', 19)}  ${fitText('JOB', 10)}  ${fitText('RESULT', 8)}  ${fitText('TOOK', 5, 'right')}  PROBLEM`,
    'dim',
  );
  const lines = jobs.map(
    (job): Line => [
      piece(`${fitText(job.at.slice(0, 19).replace('T', ' '), 19)}  ${fitText(safeText(job.job), 10)}  `),
      piece(fitText(safeText(job.result), 8), tones[job.result] ?? 'plain'),
      piece(`  ${fitText(ageText(job.durationMs), 5, 'right')}  `),
      piece(safeText(job.problem ?? '')),
    ],
  );
  return [head, ...lines].slice(0, rows);
}
