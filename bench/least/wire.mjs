// A session written out by hand for the one call that the rows make: the fields, bases, digests, MACs, claims and events
// of the wire format, and nothing that would serve a second call. What a library costs beyond this is its own.
import nodeCrypto, { createHash, createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { LEDGER } from '../http/domain.mjs'
import { PATH } from '../http/entry.mjs'

const keyOf = (byte) => createSecretKey(Buffer.alloc(32, byte))
const CLIENT_KEY = keyOf(1)
const SERVER_KEY = keyOf(2)
const SESSION = 'hand-written-hand-writ'
const ASKED = '("@method" "@request-target" "content-type" "accept" "accept-encoding" "content-digest")'
const ANSWERED = '("@status" "@method";req "@request-target";req "content-type" "cache-control" "content-digest")'

const mac = (key, base) => createHmac('sha256', key).update(base, 'latin1').digest('base64')
const sha256 = (data) =>
  nodeCrypto.hash ? nodeCrypto.hash('sha256', data, 'base64') : createHash('sha256').update(data).digest('base64')

export const digestOf = (body) => `sha-256=:${sha256(body)}:`
export const isSame = (a, b) =>
  a.length === b.length && timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))

const lifetime = () => {
  const now = Math.floor(Date.now() / 1000)
  return `created=${now};expires=${now + 60}`
}

export const requestParameters = (counter) =>
  `${ASKED};${lifetime()};nonce="${counter}";keyid="${SESSION}";tag="countersign-session";wimse-aud="${LEDGER}";wimse-sign-response`

export const answerParameters = (counter) =>
  `${ANSWERED};${lifetime()};keyid="${SESSION}";tag="countersign-session";wimse-req-nonce="${counter}"`

export function requestMac(parameters, { type, accept, encoding, digest }) {
  const base = `"@method": POST\n"@request-target": ${PATH}\n"content-type": ${type}\n"accept": ${accept}\n"accept-encoding": ${encoding}\n"content-digest": ${digest}\n"@signature-params": ${parameters}`
  return mac(CLIENT_KEY, base)
}

export function answerMac(parameters, { status, type, cache, digest }) {
  const base = `"@status": ${status}\n"@method";req: POST\n"@request-target";req: ${PATH}\n"content-type": ${type}\n"cache-control": ${cache}\n"content-digest": ${digest}\n"@signature-params": ${parameters}`
  return mac(SERVER_KEY, base)
}

/** Writes events to a file, a batch at a time. */
export function trailTo(path) {
  const stream = createWriteStream(path, { flags: 'a' })
  let batch = ''
  const flush = () => {
    stream.write(batch)
    batch = ''
  }
  return (event) => {
    if (batch === '') setTimeout(flush, 5)
    batch += `${JSON.stringify(event)}\n`
  }
}
