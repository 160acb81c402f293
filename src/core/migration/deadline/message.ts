import type { Place } from '../failure.ts';
import type { FileResult } from '../run.ts';
import type { UpRunResult } from '../up-run.ts';

/** What the executor tells its parent, one JSON object a line. */
export type ExecutorMessage =
  | { readonly type: 'start'; readonly place: Place }
  | { readonly type: 'end' }
  | { readonly type: 'file' | 'seed'; readonly file: FileResult }
  | { readonly type: 'result'; readonly result: UpRunResult }
  | { readonly type: 'error'; readonly code: string; readonly message: string; readonly hint: string | null };
