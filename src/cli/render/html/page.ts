import type { Finding } from '../../../core/report.ts';

/** Text for an HTML document, attributes included. */
export function html(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;')
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '\ufffd');
}

const style = `
:root { color-scheme: light dark; --ink: #1a1d21; --soft: #5b6470; --line: #dde1e6; --paper: #ffffff; --box: #f6f7f9;
  --a: #2563eb; --b: #d97706; --c: #7c3aed; --ok: #15803d; --warning: #b45309; --critical: #b91c1c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #9aa4b0; --line: #343a42; --paper: #15181c; --box: #1d2126;
  --a: #7aa2ff; --b: #f5b454; --c: #b79cff; --ok: #4ade80; --warning: #fbbf24; --critical: #f87171; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 32px 0 10px; }
p { margin: 4px 0; } .soft { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0; }
.tile { background: var(--box); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; }
.tile b { display: block; font-size: 20px; font-variant-numeric: tabular-nums; } .tile span { color: var(--soft); font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 14px; }
th { text-align: left; color: var(--soft); font-weight: 500; } th, td { padding: 5px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
td.n, th.n { text-align: right; } td.wrap { white-space: normal; overflow-wrap: anywhere; min-width: 13em; }
.ok { color: var(--ok); } .warning { color: var(--warning); } .critical, .failed { color: var(--critical); } .info { color: var(--soft); }
.badge { font-weight: 600; border: 1px solid currentColor; border-radius: 999px; padding: 1px 10px; font-size: 13px; vertical-align: 3px; margin-left: 8px; }
figure { margin: 0; background: var(--box); border: 1px solid var(--line); border-radius: 8px; padding: 12px; overflow-x: auto; }
figure + .scroll, figure + table { margin-top: 14px; }
svg.wide { min-width: 680px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 16px; }
@media (max-width: 520px) { .charts { grid-template-columns: 1fr; } }
figcaption { font-size: 13px; color: var(--soft); margin-bottom: 6px; } svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; } .grid { stroke: var(--line); } .axis { stroke: var(--soft); }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 4px 0 10px; }
`;

/** One self-contained document: no script, no network. */
export function htmlPage(title: string, status: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html(title)}</title><style>${style}</style></head>
<body><main><h1>${html(title)}<span class="badge ${html(status)}">${html(status)}</span></h1>
${body}
</main></body></html>
`;
}

export interface HtmlColumn {
  readonly title: string;
  readonly numeric?: boolean;
  readonly wrap?: boolean;
}

/** Cells are text, not HTML. */
export function htmlTable(columns: readonly HtmlColumn[], rows: readonly (readonly string[])[]): string {
  const kind = (column: HtmlColumn | undefined): string =>
    column?.numeric === true ? ' class="n"' : column?.wrap === true ? ' class="wrap"' : '';
  const head = columns.map((column) => `<th${kind(column)}>${html(column.title)}</th>`).join('');
  const body = rows
    .map((row) => `<tr>${row.map((cell, index) => `<td${kind(columns[index])}>${html(cell)}</td>`).join('')}</tr>`)
    .join('\n');
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

export function htmlTiles(tiles: readonly (readonly [value: string, label: string])[]): string {
  const boxes = tiles.map(
    ([value, label]) => `<div class="tile"><b>${html(value)}</b><span>${html(label)}</span></div>`,
  );
  return `<div class="tiles">${boxes.join('')}</div>`;
}

export function htmlFindings(findings: readonly Finding[]): string {
  if (findings.length === 0) return '';
  const items = findings.map((finding) => {
    const subject = finding.subject === undefined ? '' : `<b>${html(finding.subject)}</b>: `;
    const hint = finding.hint === undefined ? '' : `<br><span class="soft">try: ${html(finding.hint)}</span>`;
    return `<p><b class="${finding.severity}">${finding.severity}</b> ${subject}${html(finding.message)}${hint}</p>`;
  });
  return `<h2>Findings</h2>${items.join('\n')}`;
}
