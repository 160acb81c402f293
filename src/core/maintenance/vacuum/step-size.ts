/** How many pages the next step of an incremental vacuum frees. Pure: the loop feeds it the time of each step. */

export const largestStep = 500;
const firstStep = 8;
/** Share of the budget that the growth aims at: a step that just fits is one hiccup away from being over. */
const aim = 0.6;
/** Weight of the newest step in the average cost of a page. */
const newest = 0.2;

export interface StepSize {
  readonly pages: number;
  /** Running average, milliseconds; 0 before the first step. */
  readonly msPerPage: number;
}

export const initialStep: StepSize = { pages: firstStep, msPerPage: 0 };

/** The step after one that freed `step.pages` in `tookMs`. Halves above the budget, grows by a quarter below it. */
export function nextStep(step: StepSize, tookMs: number, budgetMs: number): StepSize {
  const cost = Math.max(0, tookMs) / step.pages;
  const msPerPage = step.msPerPage === 0 ? cost : step.msPerPage + newest * (cost - step.msPerPage);
  if (tookMs > budgetMs) return { pages: Math.max(1, Math.floor(step.pages / 2)), msPerPage };
  const fits = msPerPage > 0 ? Math.floor((aim * budgetMs) / msPerPage) : largestStep;
  const grown = Math.ceil(step.pages * 1.25);
  return { pages: Math.max(1, Math.min(grown, fits, largestStep)), msPerPage };
}

/** Pause after a step so that work takes the share `duty` of the time; at least a millisecond for other writers. */
export function pauseMs(tookMs: number, duty: number): number {
  return Math.max(1, (tookMs * (1 - duty)) / duty);
}
