import { fileURLToPath } from 'node:url';

/** The entry file of the measuring child, and how Node is started for it: the sources (tests) need their types stripped. */
export function measureEntry(): { readonly path: string; readonly execArgv: readonly string[] } {
  const typed = import.meta.url.endsWith('.ts');
  return {
    path: fileURLToPath(new URL(`./measure-main${typed ? '.ts' : '.js'}`, import.meta.url)),
    execArgv: typed ? ['--experimental-strip-types', '--disable-warning=ExperimentalWarning'] : [],
  };
}
