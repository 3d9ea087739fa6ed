/** Three words tell one name from another; they are overwritten by the next name. */
export type Fingerprint = Uint32Array

const ROUNDS = 12

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

/** Chaskey-12's permutation of 128 bits (ISO/IEC 29192-6:2019): additions, rotations and XOR of 32-bit words. */
export function permute(state: Uint32Array): void {
  let a = state[0] as number
  let b = state[1] as number
  let c = state[2] as number
  let d = state[3] as number
  for (let round = 0; round < ROUNDS; round++) {
    a = (a + b) | 0
    b = rotate(b, 5) ^ a
    a = rotate(a, 16)
    c = (c + d) | 0
    d = rotate(d, 8) ^ c
    a = (a + d) | 0
    d = rotate(d, 13) ^ a
    c = (c + b) | 0
    b = rotate(b, 7) ^ c
    c = rotate(c, 16)
  }
  state[0] = a
  state[1] = b
  state[2] = c
  state[3] = d
}

/**
 * Makes the function that shortens a name to a fingerprint under a secret seed of four words.
 *
 * Two different names of one owner look the same with a chance of 2^-96. Nobody can help that chance along: the seed
 * never leaves the process, no fingerprint is ever shown, and a mistaken `'seen'` would hit a nonce that an honest
 * caller drew at random. What an owner does with names of their own touches nobody else, since the owner is part of
 * what is shortened and is compared in full besides. The length stands in front, so no text continues another.
 */
export function createFingerprint(seed: Uint32Array): (owner: number, text: string) => Fingerprint {
  const [k0 = 0, k1 = 0, k2 = 0, k3 = 0] = seed
  const state = new Uint32Array(4)
  return (owner, text) => {
    state[0] = k0 ^ owner
    state[1] = k1 ^ text.length
    state[2] = k2
    state[3] = k3
    let word = 2
    for (let i = 0; i < text.length; i += 2) {
      if (word === 4) {
        permute(state)
        word = 0
      }
      // Beyond the end charCodeAt gives NaN, which counts as 0 here.
      state[word] = (state[word] as number) ^ (text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16))
      word++
    }
    permute(state)
    state[0] = (state[0] as number) ^ k0
    state[1] = (state[1] as number) ^ k1
    state[2] = (state[2] as number) ^ k2
    return state
  }
}
