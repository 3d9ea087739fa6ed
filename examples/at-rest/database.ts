import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import { isCountersignError } from 'countersign'
import { createKeyring, type Keyring, openText, sealText, type TenantKeys, tenantKeys } from 'countersign/envelope'
import { tenantKeyTable } from './tenants.js'
import { addUser, createUsers, findByEmail, moveUsers, openUser, rowOf, type User, type Users } from './users.js'

const ADA = { id: '1', email: 'Ada@example.com', card: '4929-0000-1111-2222' }
const BOB = { id: '2', email: 'bob@example.com', card: '4929-3333-4444-5555' }
const IBAN = 'DE02120300000000202051'

/** The code of what it throws; "opened" where it throws nothing. */
async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'opened'
  } catch (error) {
    if (isCountersignError(error)) return error.code
    throw error
  }
}

/** Seals users, finds one by a sealed column, and puts a value where it does not belong. */
async function useTable(users: Users) {
  for (const user of [ADA, BOB]) await addUser(users, user)
  const found = await findByEmail(users, 'ada@EXAMPLE.com')
  const [ada, bob] = [await rowOf(users, ADA.id), await rowOf(users, BOB.id)]
  const moved = await codeOf(openUser(users, { ...ada, card: bob.card }))
  return { found, moved }
}

/** Makes another key the primary, moves the rows to it, and goes on without the old one. */
async function rotate(users: Users, keys: { old: Uint8Array; next: Uint8Array }) {
  const both = createKeyring({
    primary: '2026-11',
    keys: { '2026-11': keys.next, '2026-05': { key: keys.old, state: 'open-only' } },
  })
  const rows = await moveUsers({ ...users, keyring: both }, both)
  const rotated = { ...users, keyring: createKeyring({ primary: '2026-11', keys: { '2026-11': keys.next } }) }
  const row = await rowOf(rotated, ADA.id)
  const byNext: User = await openUser(rotated, row)
  return { users: rotated, rows, byNext, byOld: await codeOf(openUser(users, row)) }
}

/** Two tenants with a key each; one of the keys is destroyed. */
async function destroyTenant(db: PGlite, root: Keyring) {
  const events: string[] = []
  const audit = {
    record: (type: string, { tenant }: Readonly<Record<string, string>>) => events.push(`${type} ${tenant}`),
  }
  const tenants: TenantKeys = tenantKeys({ root, store: await tenantKeyTable(db), audit })
  await db.exec('CREATE TABLE payees (tenant text PRIMARY KEY, iban text NOT NULL)')
  const contextOf = (tenant: string) => ({ tenant, table: 'payees', column: 'iban' })
  for (const tenant of ['acme', 'globex']) {
    await tenants.create(tenant)
    const iban = await sealText(IBAN, { to: tenants.keyring(tenant), context: contextOf(tenant) })
    await db.query('INSERT INTO payees VALUES ($1, $2)', [tenant, iban])
  }
  const read = async (tenant: string) => {
    const { rows } = await db.query<{ iban: string }>('SELECT iban FROM payees WHERE tenant = $1', [tenant])
    return openText(rows[0]?.iban ?? '', { with: tenants.keyring(tenant), context: contextOf(tenant) })
  }
  const before = await read('acme')
  await tenants.destroy('acme')
  const sealAgain = sealText(IBAN, { to: tenants.keyring('acme'), context: contextOf('acme') })
  return {
    before,
    after: await codeOf(read('acme')),
    sealAgain: await codeOf(sealAgain),
    other: await read('globex'),
    events,
  }
}

/** Everything the database would have on its disk, log of changes included. */
async function bytesOf(db: PGlite): Promise<Buffer> {
  const files = await db.dumpDataDir('none')
  return Buffer.from(await files.arrayBuffer())
}

/** Runs it all in a database in memory. */
export async function main(say: (line: string) => void = () => {}) {
  const db = await PGlite.create()
  const keys = { old: randomBytes(32), next: randomBytes(32) }
  await createUsers(db)
  const keyring = createKeyring({ primary: '2026-05', keys: { '2026-05': keys.old } })
  const first: Users = { db, keyring, indexKey: randomBytes(32) }
  const { found, moved } = await useTable(first)
  say(`Found by a sealed column: user ${found?.id}, ${found?.email}, card ${found?.card}.`)
  say(`A card in another row: ${moved}.`)
  const { users, rows, byNext, byOld } = await rotate(first, keys)
  say(`Moved to the next key: ${rows} rows. By the next key: ${byNext.email}. By the old one: ${byOld}.`)
  const tenant = await destroyTenant(db, users.keyring)
  say(`The key of acme was destroyed. Opening: ${tenant.after}, sealing: ${tenant.sealAgain}. Globex opens as before.`)
  const disk = await bytesOf(db)
  const secrets = [ADA.email, ADA.card, BOB.email, BOB.card, IBAN]
  const inTheClear = secrets.filter((secret) => disk.includes(secret))
  say(`Of ${secrets.length} secrets, ${disk.length} bytes of the database hold ${inTheClear.length} in the clear.`)
  await db.close()
  return { found, moved, rows, byNext, byOld, tenant, inTheClear, disk }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main((line) => process.stdout.write(`${line}\n`))
