import type { ApiKeyStore } from './store.ts'

/** How API keys are accepted. */
export interface ApiKeyOptions {
  /** Who knows the keys. */
  readonly store: ApiKeyStore
  /**
   * The header field that holds the key and nothing else, in lower case; default `x-api-key`. `authorization` means the
   * scheme `ApiKey`: `Authorization: ApiKey csk_…`.
   */
  readonly header?: string
}
