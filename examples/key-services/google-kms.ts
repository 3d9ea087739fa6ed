// A key of a keyring that stays in Google Cloud KMS, over its REST API.
// Compiled and tested against an imitation; not run against the real service.
import type { KeyRequest, KeyService } from 'countersign/envelope'

export interface GoogleKmsOptions {
  /** `projects/P/locations/L/keyRings/R/cryptoKeys/K`, without a version: the service knows which one it wrapped by. */
  readonly key: string
  /** Gives an OAuth 2 access token with the scope `cloudkms` or `cloud-platform`; asked for each call, so keep it there. */
  readonly token: (signal: AbortSignal) => Promise<string>
  readonly baseUrl?: string
}

interface Encrypted {
  readonly ciphertext?: string
  readonly ciphertextCrc32c?: string
  readonly verifiedPlaintextCrc32c?: boolean
  readonly verifiedAdditionalAuthenticatedDataCrc32c?: boolean
}

interface Decrypted {
  readonly plaintext?: string
  readonly plaintextCrc32c?: string
}

interface Failure {
  readonly error?: { readonly status?: string; readonly message?: string }
}

export function googleKms(options: GoogleKmsOptions): KeyService {
  async function wrap(dataKey: Uint8Array, request: KeyRequest): Promise<Uint8Array> {
    const aad = aadOf(request.kid)
    const body = { ...field('plaintext', dataKey), ...field('additionalAuthenticatedData', aad) }
    const answer = await post(options, 'encrypt', body, request.signal)
    if (!answer.ok) throw await failure(answer)
    const encrypted = (await answer.json()) as Encrypted
    // Left out means false: then what arrived there was not compared, and a damaged key would be found out too late.
    if (!encrypted.verifiedPlaintextCrc32c || !encrypted.verifiedAdditionalAuthenticatedDataCrc32c) {
      throw new Error('Google Cloud KMS did not verify what it was sent')
    }
    return checked(encrypted.ciphertext, encrypted.ciphertextCrc32c)
  }

  async function unwrap(wrapped: Uint8Array, request: KeyRequest): Promise<Uint8Array | undefined> {
    const aad = aadOf(request.kid)
    const body = { ...field('ciphertext', wrapped), ...field('additionalAuthenticatedData', aad) }
    const answer = await post(options, 'decrypt', body, request.signal)
    if (answer.ok) {
      const decrypted = (await answer.json()) as Decrypted
      return checked(decrypted.plaintext, decrypted.plaintextCrc32c)
    }
    const error = await failure(answer)
    if (error.isRefusal) return undefined
    throw error
  }

  return { wrap, unwrap }
}

async function post(options: GoogleKmsOptions, verb: string, body: object, signal: AbortSignal): Promise<Response> {
  const { key, token, baseUrl = 'https://cloudkms.googleapis.com' } = options
  return fetch(`${baseUrl}/v1/${key}:${verb}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await token(signal)}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal,
    // A data key goes to the service and nowhere else.
    redirect: 'error',
  })
}

class KmsError extends Error {
  readonly isRefusal: boolean

  constructor(status: number, { error }: Failure) {
    super(`Google Cloud KMS answered with ${status} ${error?.status ?? ''}: ${error?.message ?? ''}`)
    // 400 is also FAILED_PRECONDITION (the version is disabled or destroyed) and, as INVALID_ARGUMENT, a checksum that did
    // not match: damage on the way, where the same request may succeed next time.
    this.isRefusal =
      status === 400 && error?.status === 'INVALID_ARGUMENT' && !/crc32c|checksum/i.test(error.message ?? '')
  }
}

async function failure(answer: Response): Promise<KmsError> {
  // What stands in between may answer with something that is no JSON.
  const body: unknown = await answer.json().catch(() => undefined)
  return new KmsError(answer.status, typeof body === 'object' && body !== null ? body : {})
}

const aadOf = (kid: string) => new TextEncoder().encode(`countersign/data-key ${kid}`)

/** Bytes as the API takes them, with their checksum: an int64, which JSON carries as a string. */
function field(name: string, bytes: Uint8Array): Record<string, string> {
  return { [name]: Buffer.from(bytes).toString('base64'), [`${name}Crc32c`]: String(crc32c(bytes)) }
}

function checked(base64: string | undefined, checksum: string | undefined): Uint8Array {
  const bytes = Buffer.from(base64 ?? '', 'base64')
  if (bytes.length === 0 || checksum !== String(crc32c(bytes))) throw new Error('Google Cloud KMS: damaged on the way')
  return bytes
}

/** CRC-32C (Castagnoli), bit by bit: it is run over a few dozen bytes. `crc32` of node:zlib is another polynomial. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}
