// The call that every HTTP row makes, and the little that its handler does.

const lines = Array.from({ length: 14 }, (_, i) => ({
  account: `acct-${1000 + i}`,
  amount: 100 + i,
  currency: 'EUR',
  text: `item ${i}`,
}))

const padding = 1024 - JSON.stringify({ id: 'entry-1', lines, note: '' }).length

export const PATH = '/entries'
export const HEADERS = { 'content-type': 'application/json', accept: 'application/json' }
/** 1 KiB of JSON. */
export const ENTRY = JSON.stringify({ id: 'entry-1', lines, note: 'x'.repeat(padding) })
export const TOTAL = lines.reduce((sum, { amount }) => sum + amount, 0)

/** What the handler does on every server: it reads the whole entry, so a body that was not parsed cannot pass. */
export function book({ id, lines }) {
  return { id, lines: lines.length, total: lines.reduce((sum, { amount }) => sum + amount, 0) }
}

/** Whoever gets another answer has measured something else. */
export function checkAnswer(status, { total }) {
  if (status !== 200 || total !== TOTAL) throw new Error(`a call was answered with ${status}`)
}
