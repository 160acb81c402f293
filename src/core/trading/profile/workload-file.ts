import { fileURLToPath } from 'node:url';
import type { ProgramName } from './profile.ts';

const names: readonly string[] = ['freqtrade', 'hummingbot', 'vnpy'] satisfies ProgramName[];

/** Whether `name` is a program whose statements are known. */
export function hasWorkload(name: string): boolean {
  return names.includes(name);
}

/** Absolute path of the annotated statements of a program, for `analyze`; in the sources and in `dist` alike. */
export function workloadFile(name: string): string {
  return fileURLToPath(new URL(`workload/${name}.sql`, import.meta.url));
}

/** Absolute path of its transactions, for `loadtest`. */
export function scenarioFile(name: string): string {
  return fileURLToPath(new URL(`workload/${name}.scenario.sql`, import.meta.url));
}
