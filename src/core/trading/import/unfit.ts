import type { Reason } from './reason.ts';

/** Why a unit cannot enter. */
export class Unfit {
  readonly reason: Reason;
  readonly detail: string;

  constructor(reason: Reason, detail: string) {
    this.reason = reason;
    this.detail = detail;
  }
}
