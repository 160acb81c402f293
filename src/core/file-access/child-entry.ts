import { fileURLToPath } from 'node:url';

/**
 * Where the entry file of a child process or thread lies, and how Node has to be started for it. Compiled it is a `.js`
 * beside its caller; in the sources (tests) a `.ts` whose types Node strips.
 */
export interface ChildEntry {
  readonly path: string;
  readonly execArgv: readonly string[];
}

/** `name` is relative to the calling module and has no extension, such as `./reader-main`. */
export function childEntry(name: string, callerUrl: string): ChildEntry {
  const typed = callerUrl.endsWith('.ts');
  return {
    path: fileURLToPath(new URL(`${name}${typed ? '.ts' : '.js'}`, callerUrl)),
    execArgv: typed ? ['--experimental-strip-types', '--disable-warning=ExperimentalWarning'] : [],
  };
}
