import { writeSync } from 'node:fs';
import type { TerminalPort } from '../core/monitor/terminal/terminal-port.ts';

const enter = '\u001b[?1049h\u001b[?25l';
const leave = '\u001b[?2026l\u001b[?25h\u001b[0m\u001b[?1049l';

const sequences: Readonly<Record<string, string>> = {
  '\u001b[A': 'up',
  '\u001b[B': 'down',
  '\u001b[C': 'right',
  '\u001b[D': 'left',
  '\u001bOC': 'right',
  '\u001bOD': 'left',
  '\u001b': 'escape',
  '\t': 'tab',
  '\r': 'enter',
  '\n': 'enter',
  '\u007f': 'backspace',
  '\b': 'backspace',
};

/** Splits what came from the keyboard into keys; unknown sequences are dropped whole. */
export function parseKeys(text: string): string[] {
  const keys: string[] = [];
  for (const match of text.matchAll(/\u001b(?:\[[0-9;?]*[ -/]*[@-~]|O[A-Z])|[\s\S]/gu)) {
    const [raw] = match;
    const key = sequences[raw] ?? (raw.length > 1 && raw.startsWith('\u001b') ? undefined : raw);
    if (key !== undefined) keys.push(key);
  }
  return keys;
}

/** The real terminal. Whatever ends the process, the screen and the keyboard are as before. */
export function terminalSession(color: boolean): TerminalPort {
  const { stdin, stdout } = process;
  const interactive = stdin.isTTY === true && stdout.isTTY === true && process.env.TERM !== 'dumb';
  let open = false;
  let onKey = (_key: string): void => {};
  let onResize = (): void => {};

  const onData = (data: string): void => {
    for (const key of parseKeys(data)) {
      // Raw mode turns Ctrl-C into a character: it means what it always means.
      if (key === '\u0003') process.kill(process.pid, 'SIGINT');
      else onKey(key);
    }
  };
  const resized = (): void => onResize();
  const restoreAtExit = (): void => {
    if (open) writeSync(1, leave);
  };

  return {
    interactive,
    color,
    get columns() {
      return stdout.columns ?? 80;
    },
    get rows() {
      return stdout.rows ?? 24;
    },
    write: (text) => void stdout.write(text),
    onKey(listener) {
      onKey = listener;
    },
    onResize(listener) {
      onResize = listener;
    },
    open() {
      if (open || !interactive) return;
      open = true;
      process.on('exit', restoreAtExit);
      stdout.write(enter);
      stdin.setRawMode(true);
      stdin.setEncoding('utf8').on('data', onData).resume();
      stdout.on('resize', resized);
    },
    close() {
      if (!open) return;
      open = false;
      process.off('exit', restoreAtExit);
      stdin.off('data', onData).pause();
      stdin.setRawMode(false);
      stdout.off('resize', resized);
      stdout.write(leave);
    },
  };
}
