import { bound, sideLines, spread, value } from './figure.mjs'

/** Lays out lines of cells in columns. */
function columns(lines) {
  const widths = lines[0].map((_, i) => Math.max(...lines.map((cells) => cells[i].length)))
  return lines.map((cells) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd(),
  )
}

function rowText(row, mark) {
  const cells = row.figures.map((figure) => [
    `  ${figure.label}`,
    `${mark}${value(figure)}`,
    spread(figure),
    bound(figure),
    figure.verdict ?? '',
  ])
  return [row.title, ...columns(cells), ...sideLines(row.sides).map((line) => `    ${line}`), ''].join('\n')
}

/** The figures of one row, for the terminal. */
export function table(row, { rough }) {
  return row.error === undefined ? rowText(row, rough ? '~' : '') : `${row.title}\n  not measured: ${row.error}\n`
}
