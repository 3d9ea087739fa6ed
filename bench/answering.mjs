// Child processes of the bench, seen from the child.

/** What the parent started this process with. */
export const given = JSON.parse(process.argv[2] ?? '{}')

// From the beginning: a parent may go away while this process is still getting ready.
process.on('disconnect', () => process.exit())

const cpuUs = () => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/**
 * Answers the parent's questions by name, and ends when the parent goes away. `cpu` is answered by every process:
 * microseconds of all its threads since it started. `stop` runs what has to be finished first.
 */
export function answering(commands) {
  const all = { cpu: cpuUs, stop: () => undefined, ...commands }
  process.on('message', async ({ id, command, given: argument }) => {
    try {
      const result = await all[command](argument)
      if (process.connected) process.send({ id, result })
    } catch (cause) {
      if (process.connected) process.send({ id, error: wordsOf(cause) })
    }
  })
}

function wordsOf(cause) {
  const { code, detail } = cause
  return [cause.stack ?? cause, code, detail && JSON.stringify(detail), cause.cause && wordsOf(cause.cause)]
    .filter((word) => word !== undefined)
    .join(' | ')
}
