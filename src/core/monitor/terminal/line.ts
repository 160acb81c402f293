import { cutText, textWidth } from './text-width.ts';

/** A line of the screen: pieces of text, each with a tone. Colour is never the only sign of a meaning. */

export type Tone = 'plain' | 'dim' | 'bold' | 'good' | 'warn' | 'bad' | 'accent' | 'inverse';

export interface Piece {
  readonly text: string;
  readonly tone: Tone;
}

export type Line = readonly Piece[];

export function piece(text: string, tone: Tone = 'plain'): Piece {
  return { text, tone };
}

export function plainLine(text: string, tone: Tone = 'plain'): Line {
  return [piece(text, tone)];
}

export function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + textWidth(text), 0);
}

/** The line cut to `columns`. */
export function cutLine(line: Line, columns: number): Line {
  const result: Piece[] = [];
  let left = columns;
  for (const { text, tone } of line) {
    if (left <= 0) break;
    const cut = cutText(text, left);
    result.push({ text: cut, tone });
    left -= textWidth(cut);
  }
  return result;
}

/** `left` and `right` at both ends of the line; `right` goes when there is no room for it. */
export function spread(left: Line, right: Line, columns: number): Line {
  const space = columns - lineWidth(left) - lineWidth(right);
  return space < 2 ? cutLine(left, columns) : [...left, piece(' '.repeat(space)), ...right];
}

/** SGR numbers of the tones: of the eight basic colours, none of the pairs that colour-blind people mix up. */
const codes: Readonly<Record<Tone, string>> = {
  plain: '',
  dim: '2',
  bold: '1',
  good: '36',
  warn: '33',
  bad: '1;31',
  accent: '34',
  inverse: '7',
};

/** The line as bytes for the terminal, or as bare text. */
export function paintLine(line: Line, color: boolean): string {
  return line
    .map(({ text, tone }) => {
      const code = codes[tone];
      // Bold, dim and inverse are no colours, but NO_COLOR asks for plain text all the same.
      return color && code !== '' && text !== '' ? `\u001b[${code}m${text}\u001b[0m` : text;
    })
    .join('')
    .trimEnd();
}
