import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { createWorkload, credentialFile, trustFile } from 'countersign'
import { streamSink } from 'countersign/audit'

/**
 * Makes a workload as the README does, whose audit events go to a file. `close` writes down what is still waiting: only
 * then can the file be counted.
 */
export async function openWorkload(name, { folder, id, sessions, ...options }) {
  const stream = createWriteStream(join(folder, `${name}.ndjson`), { flags: 'a' })
  const workload = await createWorkload({
    id,
    credentials: credentialFile(join(folder, `${name}.json`)),
    trust: trustFile(join(folder, 'trust.json')),
    audit: streamSink(stream),
    ...(sessions === false ? { sessions } : {}),
    ...options,
  })
  async function close() {
    await workload.close()
    await new Promise((resolve) => stream.end(resolve))
  }
  return { workload, close }
}
