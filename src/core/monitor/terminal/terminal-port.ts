/** What the dashboard needs of a terminal; the command line implements it, tests record it. */
export interface TerminalPort {
  /** False: output goes to a file or a pipe, and there are no keys. */
  readonly interactive: boolean;
  readonly color: boolean;
  readonly columns: number;
  readonly rows: number;
  write(text: string): void;
  /** Named keys (`left`, `escape`, `enter`, `backspace`) or the character. */
  onKey(listener: (key: string) => void): void;
  onResize(listener: () => void): void;
  /** Switches to the alternate screen without a cursor; `close` takes it back, also when the process dies. */
  open(): void;
  close(): void;
}
