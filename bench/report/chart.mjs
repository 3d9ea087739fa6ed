// The chart: one bar a ratio, its spread, and the bound it has to reach. Plain SVG, readable on light and dark pages.
import { value } from './figure.mjs'

const WIDTH = 860
const LABELS = 400
const PLOT = 340
const LINE = 30
const COLORS = { reached: '#2e7d32', 'between floor and goal': '#b26a00', 'below floor': '#b3261e' }

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
const text = (x, y, content, attributes = '') => `<text x="${x}" y="${y}" ${attributes}>${escaped(content)}</text>`

function bar({ title, figure }, y, scale) {
  const { median, q1, q3, bounds, verdict } = figure
  const x = (ratio) => LABELS + Math.min(ratio / scale, 1) * PLOT
  const tick = (ratio, dash) =>
    `<line x1="${x(ratio)}" x2="${x(ratio)}" y1="${y - 3}" y2="${y + 19}" stroke="#222" ${dash}/>`
  return [
    text(LABELS - 8, y + 12, title, 'text-anchor="end"'),
    `<rect x="${LABELS}" y="${y}" width="${x(median) - LABELS}" height="16" fill="${COLORS[verdict] ?? '#5f6b7a'}"/>`,
    `<line x1="${x(q1)}" x2="${x(q3)}" y1="${y + 8}" y2="${y + 8}" stroke="#9fb3c8" stroke-width="3"/>`,
    tick(bounds.floor, 'stroke-dasharray="2 2"'),
    tick(bounds.goal, ''),
    text(LABELS + PLOT + 10, y + 12, value(figure)),
  ].join('\n')
}

function panel(heading, bars, top) {
  if (bars.length === 0) return { lines: [], bottom: top }
  const scale = Math.max(...bars.flatMap(({ figure: { q3, bounds } }) => [q3, bounds.goal, bounds.floor])) * 1.05
  const lines = [text(12, top, heading, 'font-weight="bold"')]
  bars.forEach((one, i) => {
    lines.push(bar(one, top + 14 + i * LINE, scale))
  })
  return { lines, bottom: top + 14 + bars.length * LINE + 24 }
}

/** A row with several figures is drawn by each that has a bound and is a ratio. */
function barsOf(rows, better) {
  return rows.flatMap(({ name, figures = [] }) => {
    const drawn = figures.filter(({ bounds, unit }) => bounds?.better === better && unit === undefined)
    return drawn.map((figure) => ({ title: drawn.length > 1 ? `${name}: ${figure.label}` : name, figure }))
  })
}

export function chart({ rows, machine, date }) {
  const more = panel('Calls a second ÷ baseline: longer is better', barsOf(rows, 'more'), 30)
  const less = panel('Time ÷ peer, or grown ÷ small: shorter is better', barsOf(rows, 'less'), more.bottom)
  const height = less.bottom + 34
  const legend =
    'dashed: floor · solid: goal · light line: middle half of the rounds · green: reached · orange: between · red: below floor · grey: not decided'
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#222" role="img" aria-label="Measured ratios and their bounds">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    ...more.lines,
    ...less.lines,
    text(12, height - 28, legend, 'fill="#555"'),
    text(
      12,
      height - 10,
      `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, ${date.slice(0, 10)}`,
      'fill="#555"',
    ),
    '</svg>',
    '',
  ].join('\n')
}
