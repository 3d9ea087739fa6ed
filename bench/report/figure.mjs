// How figures are written, the same in the terminal, on the page and in the chart.

/** Three digits that count; bytes are whole. */
function number(value, unit) {
  if (unit === 'bytes' || Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en')
  return value.toPrecision(3)
}

export function value({ median, unit }) {
  return unit === undefined ? number(median) : `${number(median, unit)} ${unit}`
}

/** The middle half, and the extremes. One value has no spread. */
export function spread({ q1, q3, min, max, unit, rounds }) {
  if (rounds.length === 1) return ''
  const text = (one) => number(one, unit)
  return `${text(q1)} to ${text(q3)} (${text(min)} to ${text(max)})`
}

export function bound({ bounds }) {
  if (bounds === undefined) return ''
  const { better, floor, goal } = bounds
  const sign = better === 'more' ? '≥' : '≤'
  return floor === goal ? `${sign} ${goal}` : `${sign} ${floor}, goal ${goal}`
}

/** What each side did: a line for each. */
export function sideLines(sides) {
  return Object.entries(sides).map(([name, { us, perSecond, latencyMs, serverCpuUs, clientCpuUs }]) =>
    us === undefined
      ? `${name}: ${number(perSecond)} calls/s, median ${number(latencyMs)} ms, CPU a call: server ${number(serverCpuUs)} µs, client ${number(clientCpuUs)} µs`
      : `${name}: ${number(us)} µs`,
  )
}
