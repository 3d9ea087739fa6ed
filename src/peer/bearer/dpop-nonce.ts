import { primitives } from '#crypto'
import { fromBase64url, toBase64url } from '../../core/base64url.ts'
import { concat, equalBytes, utf8 } from '../../core/bytes.ts'
import { type Clock, nowSeconds } from '../../core/clock.ts'
import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'

/** Nonces for DPoP that are not remembered: a time, and its MAC. One holds for one to two windows of a minute. */
export interface DpopNonces {
  make(): MaybePromise<string>
  holds(nonce: string): MaybePromise<boolean>
}

const WINDOW_SECONDS = 60
const TIME_BYTES = 6
const MAC_BYTES = 16
const LABEL = utf8('countersign dpop nonce')

/** `secret`: the same in all processes behind one address; 32 bytes. */
export function createDpopNonces(secret: Uint8Array, clock: Clock): DpopNonces {
  const imported = primitives.macKey(secret)
  const macOf = (time: Uint8Array) =>
    andThen(imported, (key) => andThen(primitives.mac(key, LABEL, time), (mac) => mac.subarray(0, MAC_BYTES)))
  const window = () => Math.floor(nowSeconds(clock) / WINDOW_SECONDS)
  return {
    make() {
      const time = timeBytes(window())
      return andThen(macOf(time), (mac) => toBase64url(concat(time, mac)))
    },
    holds(nonce) {
      const bytes = fromBase64url(nonce)
      if (bytes?.length !== TIME_BYTES + MAC_BYTES) return false
      const time = bytes.subarray(0, TIME_BYTES)
      const age = window() - timeOf(time)
      return andThen(macOf(time), (mac) => equalBytes(mac, bytes.subarray(TIME_BYTES)) && (age === 0 || age === 1))
    },
  }
}

function timeBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(TIME_BYTES)
  for (let i = TIME_BYTES - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256
  return bytes
}

function timeOf(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0)
}
