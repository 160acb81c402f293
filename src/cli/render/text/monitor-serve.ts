/** A service has nothing to say on stdout: its log has gone to stderr. */
export function render(): string {
  return '';
}
