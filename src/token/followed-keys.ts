import type { Code } from '../core/codes.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import { oneAtATime } from '../core/one-at-a-time.ts'
import { type CredentialSource, parseCredentials } from '../keys/credentials.ts'
import type { Watch } from '../platform/platform.ts'
import { type IssuingKeys, readIssuingKeys } from './issuing-keys.ts'

async function load(source: CredentialSource): Promise<IssuingKeys> {
  return readIssuingKeys(parseCredentials(await source.load()))
}

async function loadFirst(source: CredentialSource): Promise<IssuingKeys> {
  try {
    return await load(source)
  } catch (error) {
    if (isCountersignError(error)) throw error
    // Condition: an issuer whose keys cannot be loaded does not start.
    throw new CountersignError('credentials-invalid', {
      cause: error,
      detail: { option: 'createTokenIssuer.keys', fix: 'their source could not load them' },
    })
  }
}

/** The keys of an issuer, which follow their source. */
export class FollowedKeys {
  readonly #source: CredentialSource
  readonly #watch: Watch | undefined
  #held: IssuingKeys | undefined
  #problem: Code | undefined
  #again: (() => Promise<void>) | undefined
  #isClosed = false

  private constructor(source: CredentialSource) {
    this.#source = source
    // Watched before it is read: a change in between is not missed.
    this.#watch = source.watch?.(() => this.#changed())
  }

  static async follow(source: CredentialSource): Promise<FollowedKeys> {
    const keys = new FollowedKeys(source)
    const first = loadFirst(source).then((held) => {
      keys.#held = held
    })
    keys.#again = oneAtATime(
      () => keys.#reload(),
      first.catch(() => undefined),
    )
    try {
      await first
    } catch (error) {
      keys.close()
      throw error
    }
    return keys
  }

  current(): IssuingKeys {
    // Nobody has this object before its first keys are there.
    return this.#held as IssuingKeys
  }

  problems(): Code[] {
    return this.#problem === undefined ? [] : [this.#problem]
  }

  close(): void {
    this.#isClosed = true
    this.#watch?.close()
  }

  #changed(): void {
    if (!this.#isClosed) void this.#again?.()
  }

  async #reload(): Promise<void> {
    try {
      const held = await load(this.#source)
      if (this.#isClosed) return
      this.#held = held
      this.#problem = undefined
    } catch (error) {
      // Condition: new keys of an issuer that cannot be used leave those before in place.
      this.#problem = isCountersignError(error) ? error.code : 'credentials-invalid'
    }
  }
}
