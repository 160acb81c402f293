import type { ChalkInstance } from 'chalk';

/** How text is drawn: width, colour, and the characters a terminal can show. */
export interface Style {
  /** Width to fit; 0 when the output is no terminal and lines may be of any length. */
  readonly columns: number;
  readonly color: boolean;
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

const same = (text: string): string => text;

export function plainStyle(columns = 0): Style {
  return { columns, color: false, bold: same, dim: same, red: same, green: same, yellow: same, cyan: same };
}

/** Coloured style; chalk is loaded only here, because plain output (cron, pipes) should not pay for it. */
export async function colorStyle(columns: number): Promise<Style> {
  const { Chalk } = await import('chalk');
  // chalk ignores NO_COLOR by itself: the caller has decided already, so the level is given.
  const chalk: ChalkInstance = new Chalk({ level: 1 });
  return {
    columns,
    color: true,
    bold: (text) => chalk.bold(text),
    dim: (text) => chalk.dim(text),
    red: (text) => chalk.red(text),
    green: (text) => chalk.green(text),
    yellow: (text) => chalk.yellow(text),
    cyan: (text) => chalk.cyan(text),
  };
}

/** Paints a status word the same way everywhere. The word itself stays, so that colour is never the only sign. */
export function paintStatus(status: string, style: Style): string {
  switch (status) {
    case 'ok':
      return style.green(status);
    case 'warning':
    case 'unknown':
      return style.yellow(status);
    case 'critical':
    case 'failed':
      return style.red(style.bold(status));
    default:
      return style.dim(status);
  }
}
