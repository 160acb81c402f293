import { TradedbError } from '../../error.ts';
import type { Environment } from '../environment.ts';

/** What of an environment a stored comparison depends on. */
export type BaselineEnvironment = Pick<Environment, 'cpuModel' | 'cores' | 'kernel' | 'node' | 'tradedb'> & {
  readonly fileSystem: string;
  readonly sqlite: string;
};

export function baselineEnvironment(environment: Environment): BaselineEnvironment {
  const { cpuModel, cores, kernel, node, tradedb, fileSystem, connections } = environment;
  const sqlite = connections[0]?.sqliteVersion ?? 'unknown';
  return { cpuModel, cores, kernel, node, tradedb, fileSystem: fileSystem.type, sqlite };
}

const words: Readonly<Record<keyof BaselineEnvironment, string>> = {
  cpuModel: 'processor',
  cores: 'cores',
  kernel: 'kernel',
  node: 'Node',
  tradedb: 'tradedb',
  fileSystem: 'file system',
  sqlite: 'SQLite',
};

/**
 * Refuses a baseline of another environment. Its side is run again here, so nothing would be wrong with the arithmetic;
 * but the operator asks whether the new version is slower than what was stored, and that cannot be run here.
 * `hasProgram` says that the stored version of tradedb, and the SQLite and Node it brings, runs its side.
 */
export function refuseOtherEnvironment(
  stored: BaselineEnvironment,
  here: BaselineEnvironment,
  hasProgram: boolean,
): void {
  const broughtAlong: readonly string[] = hasProgram ? ['tradedb', 'sqlite'] : [];
  const keys = (Object.keys(words) as (keyof BaselineEnvironment)[]).filter(
    (key) => stored[key] !== here[key] && !broughtAlong.includes(key),
  );
  if (keys.length === 0) return;
  const differences = keys.map((key) => `${words[key]} ${stored[key]}, here ${here[key]}`).join('; ');
  const isProgramAlone = keys.every((key) => key === 'tradedb' || key === 'sqlite');
  throw new TradedbError('usage', `the baseline is of another environment: ${differences}`, {
    hint: isProgramAlone
      ? 'name the version that made it: --program <folder of that tradedb>'
      : 'make a baseline here: tradedb loadtest compare ... --save-baseline <file>',
  });
}
