import type { PGlite } from '@electric-sql/pglite'
import { blindIndex, type Keyring, openFields, rewrapText, sealFields } from 'countersign/envelope'

export interface User {
  readonly id: string
  readonly email: string
  readonly card: string
}

/** How the table is used: the key of the index is another one than those that seal, whoever has it can try out values. */
export interface Users {
  readonly db: PGlite
  readonly keyring: Keyring
  readonly indexKey: Uint8Array
}

const SEALED = ['email', 'card']

export async function createUsers(db: PGlite): Promise<void> {
  await db.exec(
    'CREATE TABLE users (id text PRIMARY KEY, email text NOT NULL, email_index text NOT NULL, card text NOT NULL)',
  )
  await db.exec('CREATE INDEX users_by_email ON users (email_index)')
}

// The id is part of the context: what is copied into another row does not open there.
const placeOf = (id: string) => ({ paths: SEALED, context: { table: 'users', id } })

function indexOf({ indexKey }: Users, email: string): Promise<string> {
  return blindIndex(email.toLowerCase(), { key: indexKey, context: { column: 'users.email' } })
}

export async function addUser(users: Users, user: User): Promise<void> {
  const { id, email, card } = await sealFields(user, { ...placeOf(user.id), to: users.keyring })
  const index = await indexOf(users, user.email)
  await users.db.query('INSERT INTO users (id, email, email_index, card) VALUES ($1, $2, $3, $4)', [
    id,
    email,
    index,
    card,
  ])
}

/** The row as it lies in the table. */
export async function rowOf({ db }: Users, id: string): Promise<User> {
  const { rows } = await db.query<User>('SELECT id, email, card FROM users WHERE id = $1', [id])
  if (rows[0] === undefined) throw new Error(`no user ${id}`)
  return rows[0]
}

export function openUser({ keyring }: Users, row: User): Promise<User> {
  return openFields(row, { ...placeOf(row.id), with: keyring })
}

export async function findByEmail(users: Users, email: string): Promise<User | undefined> {
  const index = await indexOf(users, email)
  const { rows } = await users.db.query<User>('SELECT id, email, card FROM users WHERE email_index = $1', [index])
  return rows[0] === undefined ? undefined : openUser(users, rows[0])
}

/** Moves every row from the keys of one keyring to the primary of another one; nothing is decrypted. */
export async function moveUsers({ db, keyring }: Users, to: Keyring): Promise<number> {
  const { rows } = await db.query<User>('SELECT id, email, card FROM users')
  let moved = 0
  for (const { id, email, card } of rows) {
    const next = [await rewrapText(email, { with: keyring, to }), await rewrapText(card, { with: keyring, to })]
    // Only where nobody has written meanwhile: else the old value would come back. Such a row is moved by the next run.
    const { affectedRows = 0 } = await db.query(
      'UPDATE users SET email = $2, card = $3 WHERE id = $1 AND email = $4 AND card = $5',
      [id, ...next, email, card],
    )
    moved += affectedRows
  }
  return moved
}
