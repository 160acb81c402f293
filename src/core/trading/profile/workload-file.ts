import { fileURLToPath } from 'node:url';
import { programNames } from './profile.ts';

const names: readonly string[] = programNames;

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
