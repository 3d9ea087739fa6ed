// A key of a keyring that stays in the transit secrets engine of HashiCorp Vault, over its HTTP API.
// Compiled and tested against an imitation; not run against the real service.
import type { KeyRequest, KeyService } from 'countersign/envelope'

export interface VaultTransitOptions {
  /** Where Vault is: `https://vault.internal:8200`. */
  readonly baseUrl: string
  /** The name of the key: of a type with AEAD, as `aes256-gcm96` is. */
  readonly key: string
  /** Gives the client token; asked for each call, since tokens run out. */
  readonly token: (signal: AbortSignal) => Promise<string>
  /** Where the engine is mounted; `transit` by default. */
  readonly mount?: string
  readonly namespace?: string
}

interface Answer {
  readonly data?: { readonly ciphertext?: string; readonly plaintext?: string }
  readonly errors?: readonly string[]
}

export function vaultTransit(options: VaultTransitOptions): KeyService {
  async function wrap(dataKey: Uint8Array, request: KeyRequest): Promise<Uint8Array> {
    const { status, answer } = await post(options, 'encrypt', { plaintext: base64(dataKey) }, request)
    const ciphertext = answer.data?.ciphertext
    if (status !== 200 || ciphertext === undefined) throw failure(status, answer)
    // A text, "vault:v1:...": its prefix names the version of the key and has to come back with the rest.
    return new TextEncoder().encode(ciphertext)
  }

  async function unwrap(wrapped: Uint8Array, request: KeyRequest): Promise<Uint8Array | undefined> {
    const { status, answer } = await post(options, 'decrypt', { ciphertext: Buffer.from(wrapped).toString() }, request)
    // Without Vault's list of errors a 400 comes from something in between, and says nothing about the ciphertext.
    if (status === 400 && Array.isArray(answer.errors)) return undefined
    const plaintext = answer.data?.plaintext
    if (status !== 200 || plaintext === undefined) throw failure(status, answer)
    return Buffer.from(plaintext, 'base64')
  }

  return { wrap, unwrap }
}

async function post(
  { baseUrl, key, token, mount = 'transit', namespace }: VaultTransitOptions,
  operation: 'encrypt' | 'decrypt',
  body: Readonly<Record<string, string>>,
  { kid, signal }: KeyRequest,
): Promise<{ status: number; answer: Answer }> {
  const bound = base64(new TextEncoder().encode(`countersign/data-key ${kid}`))
  const response = await fetch(`${baseUrl}/v1/${mount}/${operation}/${encodeURIComponent(key)}`, {
    method: 'POST',
    headers: {
      'x-vault-token': await token(signal),
      // A Vault Proxy or Agent may be told to refuse requests without it.
      'x-vault-request': 'true',
      'content-type': 'application/json',
      ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
    },
    // A derived key needs `context`; one that is not derived ignores it without a word, and is bound by `associated_data`.
    body: JSON.stringify({ ...body, context: bound, associated_data: bound }),
    signal,
    // The token and the data key go nowhere else: a standby node forwards by itself, and redirects only where it cannot.
    redirect: 'error',
  })
  const answer: unknown = await response.json().catch(() => undefined)
  return { status: response.status, answer: typeof answer === 'object' && answer !== null ? answer : {} }
}

function failure(status: number, { errors = [] }: Answer): Error {
  return new Error(`Vault answered with ${status}: ${errors.join('; ')}`)
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
