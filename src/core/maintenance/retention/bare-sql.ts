/** A statement in which a word stands for each comment, text and quoted name, so that its own words can be looked for. */
export function bareSql(sql: string): string {
  return sql.replace(/--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|"(?:[^"]|"")*"|'(?:[^']|'')*'|`(?:[^`]|``)*`|\[[^\]]*\]/g, ' q ');
}
