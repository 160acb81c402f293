import type { Format } from '../../commands/definition.ts';
import type { Report } from '../../core/report.ts';
import { plainStyle, type Style } from './style.ts';

type TextRenderer = { render(report: Report, style: Style): string };
type HtmlRenderer = { render(report: Report): string };

// The renderers are loaded by name, so that a command pays for its own alone: `.ts` in the sources, `.js` when built.
const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));

/** The text renderer of a command: text/backup-create.ts for `backup create`. */
async function renderText(report: Report, style: Style): Promise<string> {
  const module = (await import(`./text/${report.command.replaceAll(' ', '-')}${extension}`)) as TextRenderer;
  const text = module.render(report, style);
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

/** One report in the form that was asked for. */
export async function renderReport(report: Report, format: Format, style: Style): Promise<string> {
  switch (format) {
    case 'text':
      return renderText(report, style);
    case 'json':
      return (await import('./json.ts')).renderJson(report);
    case 'ndjson':
      return (await import('./json.ts')).renderJsonLine({ type: 'report', ...report });
    case 'junit':
      return (await import('./junit.ts')).renderJunit(report);
    case 'markdown':
      return (await import('./markdown.ts')).renderMarkdown(report, await renderText(report, plainStyle(100)));
    case 'prometheus':
      return (await import('./prometheus.ts')).renderPrometheus(report);
    case 'html': {
      const module = (await import(`./html/${report.command.replaceAll(' ', '-')}${extension}`)) as HtmlRenderer;
      return module.render(report);
    }
  }
}
