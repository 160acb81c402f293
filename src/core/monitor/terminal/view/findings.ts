import type { Finding } from '../../../report.ts';
import { type Line, piece, plainLine, type Tone } from '../line.ts';
import { safeText, wrapText } from '../text-width.ts';

const tones: Readonly<Record<Finding['severity'], Tone>> = { critical: 'bad', warning: 'warn', info: 'dim' };

const indent = 10;

/** The severity is a word, so that colour is not needed to read it. */
export function findingLines(findings: readonly Finding[], columns: number, hints: boolean): Line[] {
  return findings.flatMap((finding) => {
    const subject = finding.subject === undefined ? '' : `${safeText(finding.subject)}: `;
    const [first = '', ...rest] = wrapText(`${subject}${safeText(finding.message)}`, columns - indent);
    const lines: Line[] = [
      [piece(finding.severity.padEnd(indent), tones[finding.severity]), piece(first)],
      ...rest.map((text) => plainLine(`${' '.repeat(indent)}${text}`)),
    ];
    if (!hints || finding.hint === undefined) return lines;
    const hint = wrapText(`try: ${safeText(finding.hint)}`, columns - indent);
    return [...lines, ...hint.map((text) => plainLine(`${' '.repeat(indent)}${text}`, 'dim'))];
  });
}
