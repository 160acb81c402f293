/** Whether a stream gets colour: flag, NO_COLOR, FORCE_COLOR, TERM=dumb, then whether it is a terminal. */
export function wantsColor(
  flag: 'auto' | 'always' | 'never',
  environment: (name: string) => string | undefined,
  isTerminal: boolean,
): boolean {
  if (flag !== 'auto') return flag === 'always';
  if ((environment('NO_COLOR') ?? '') !== '') return false;
  const force = environment('FORCE_COLOR');
  if (force !== undefined) return force !== '0' && force !== 'false';
  if (environment('TERM') === 'dumb') return false;
  return isTerminal;
}
