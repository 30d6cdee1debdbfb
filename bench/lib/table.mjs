/** Markdown. `columns`: `title`, whether its text stands `right`, and the `cell` of a row. */
export function table(columns, rows) {
  const lines = [
    columns.map(({ title }) => title),
    columns.map(({ right }) => (right ? '---:' : '---')),
    ...rows.map((row) => columns.map(({ cell }) => cell(row))),
  ];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

export function brief(value, digits = 1) {
  return String(Number(value.toFixed(digits)));
}
