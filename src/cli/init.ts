import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { naming } from '../core/system.ts'
import { parseWorkloadId } from '../identity/workload-id.ts'
import { generateKey, publicJwk } from '../keys/jwk.ts'
import { argumentsOf, type Command, Misuse, print, wrong } from './command.ts'

interface Plan {
  readonly domain: string
  readonly services: readonly { readonly name: string; readonly origin: string }[]
  readonly folder: string
  readonly json: boolean
}

const USAGE = `countersign init <trust-domain> <service=origin…> [--dir <folder>] [--json]

  init   writes what the quickstart needs: a credentials file for each service, one trust bundle, one policy.
         Existing files are never overwritten.
`

/** `countersign init …` */
export const init: Command = {
  usage: USAGE,
  async run(args, { stdout }) {
    await print(stdout, await writeQuickstart(args))
  },
}

/** Writes the files of the quickstart: all of them, or none. Gives what to print. */
export async function writeQuickstart(args: readonly string[]): Promise<string> {
  const plan = readPlan(args)
  const files = await filesOf(plan)
  try {
    await writeAll(plan.folder, files)
  } catch (error) {
    throw naming(plan.folder, error, 'written')
  }
  const names = [...files.keys()].map((name) => join(plan.folder, name))
  if (plan.json) return `${JSON.stringify({ files: names })}\n`
  const lines = names.map((name) => `  ${name}`)
  return `wrote\n${lines.join('\n')}\nkeep the credentials files secret: each belongs to one service; the other two go to all.\n`
}

function readPlan(args: readonly string[]): Plan {
  const { values, positionals } = argumentsOf(args, {
    dir: { type: 'string', default: 'countersign' },
    json: { type: 'boolean', default: false },
  })
  const [domain, ...pairs] = positionals
  if (domain === undefined) throw new Misuse('name the <trust-domain> first, such as acme.internal')
  if (pairs.length === 0) throw new Misuse('list your services as <service=origin>, such as orders=http://orders')
  const services = pairs.map((pair) => readService(domain, pair))
  const names = new Set(services.map(({ name }) => name))
  if (names.size !== services.length) throw wrong('service=origin', 'name each service once')
  return { domain, services, folder: values.dir, json: values.json }
}

function readService(domain: string, pair: string): { name: string; origin: string } {
  const at = pair.indexOf('=')
  const name = pair.slice(0, at)
  const origin = pair.slice(at + 1)
  if (at < 1 || !/^[a-z0-9][a-z0-9._-]*$/.test(name) || name === 'trust' || name === 'policy') {
    throw wrong(pair, 'write name=origin; the name in lower case, and neither "trust" nor "policy"')
  }
  parseWorkloadId(`spiffe://${domain}/${name}`)
  if (!URL.canParse(origin) || new URL(origin).origin !== origin)
    throw wrong(pair, 'give an origin, such as http://orders:8080')
  return { name, origin }
}

async function filesOf({ domain, services }: Plan): Promise<Map<string, unknown>> {
  const files = new Map<string, unknown>()
  const workloads: Record<string, unknown> = {}
  for (const { name, origin } of services) {
    const anchor = await generateKey({ alg: 'ES256' })
    const sealing = await generateKey({ alg: 'P-256' })
    files.set(`${name}.json`, { keys: [anchor, sealing] })
    workloads[`spiffe://${domain}/${name}`] = { keys: [publicJwk(anchor)], origins: [origin] }
  }
  files.set('trust.json', { trust_domains: {}, workloads })
  const rule = { id: 'start-here-then-narrow', effect: 'allow', from: [`spiffe://${domain}/*`], to: ['* /*'] }
  files.set('policy.json', { version: 1, rules: [rule] })
  return files
}

async function writeAll(folder: string, files: ReadonlyMap<string, unknown>): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const name of files.keys()) {
    // Condition: init overwrites no file.
    if (await exists(join(folder, name))) throw wrong(join(folder, name), 'it is there already: move it away first')
  }
  const written: string[] = []
  try {
    for (const [name, content] of files) {
      const path = join(folder, name)
      const isSecret = name !== 'trust.json' && name !== 'policy.json'
      await writeFile(`${path}.new`, `${JSON.stringify(content, null, 2)}\n`, {
        mode: isSecret ? 0o600 : 0o644,
        flag: 'wx',
      })
      written.push(`${path}.new`)
    }
    for (const path of written) await rename(path, path.slice(0, -'.new'.length))
  } catch (error) {
    await Promise.all(written.map((path) => rm(path, { force: true })))
    throw error
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
