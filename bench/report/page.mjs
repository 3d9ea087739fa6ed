// docs/performance.md: made from the last full run, never by hand.
import { peerVersion } from '../peers/install.mjs'
import { bound, sideLines, spread, value } from './figure.mjs'

const PEERS = ['express-oauth2-jwt-bearer', 'http-message-signatures', 'jose']

const cells = (...texts) => `| ${texts.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`

function rowLines(row) {
  if (row.error !== undefined) return [cells(row.title, 'not measured', '', '', row.error)]
  return row.figures.map((figure, i) =>
    cells(
      `${i === 0 ? `${row.title} (\`${row.name}\`)<br>` : ''}${figure.label}`,
      value(figure),
      spread(figure),
      bound(figure),
      figure.verdict ?? '',
    ),
  )
}

function detail(row) {
  const sides = row.error === undefined ? sideLines(row.sides).map((line) => `- ${line}`) : []
  return [`### ${row.name}`, '', `${row.title}. Held equal: ${row.equal}`, '', ...sides, '']
}

const method = (
  rounds,
) => `Every HTTP side has a server process and a client process of its own on the loopback. The client is one program: 16
connections that stay open, one call at a time on each, a JSON POST of 1 KiB, the answer read as JSON and checked. Raw
sides, and callers with an access token or a certificate, call \`Pool.request\` of undici, all others \`workload.fetch\` with
\`undiciTransport()\`, unless the row is about another transport. The secured service is set up as the
[quickstart](quickstart.md) shows it, with \`json: true\`: a policy of 20 rules from a file, replay protection, a session (or
a signature) both ways, and one audit event for each call and side written to a file. Where the row is about tokens or
certificates of callers the guard takes these alone, and the service alone writes events. After the run these events are
counted: a call that was not written down, or was proven otherwise than the row says, makes the row invalid.

After a warm-up the sides are measured in turns, ${rounds} rounds; a ratio is taken within a round. The figure is the
median; the spread is the middle half of the rounds, and the extremes in parentheses. **Reached** means that the whole
middle half lies on the right side of the goal, **below floor** that it lies on the wrong side of the floor, **between
floor and goal** that it lies between; all else is **not decided**. CPU is the time of all threads of a process, divided by
the calls.`

export function page({ rows, machine, date, commit, rounds }) {
  const peers = PEERS.map((name) => `${name} ${peerVersion(name)}`).join(', ')
  return [
    '# Performance',
    '',
    `Measured on ${date.slice(0, 10)} at commit \`${commit}\`: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}; Node ${machine.node}, OpenSSL ${machine.openssl}; Express ${machine.express}, Koa ${machine.koa}, undici ${machine.undici}; ${peers}. This page is written by the bench.`,
    '',
    '![Measured ratios and their bounds](performance.svg)',
    '',
    cells('what', 'median', 'middle half (extremes)', 'to reach', 'verdict'),
    '|---|---|---|---|---|',
    ...rows.flatMap(rowLines),
    '',
    '## Repeat it',
    '',
    '```sh',
    'npm run bench               # everything; keep the machine idle meanwhile',
    'npm run bench -- --quick    # within two minutes, rough figures, this page stays as it is',
    'npm run bench -- --only express-session,latency',
    '```',
    '',
    'Ratios on shared machines are good to about ten percent; absolute figures hold for this machine alone.',
    '',
    '## How it is measured',
    '',
    method(rounds),
    '',
    '## Row by row',
    '',
    ...rows.flatMap(detail),
  ].join('\n')
}
