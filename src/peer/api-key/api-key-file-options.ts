/** How a file of API keys is used. */
export interface ApiKeyFileOptions {
  /**
   * The file into which it is written when keys were last used, at most once a minute; default the path of the keys and
   * `.last-use.json`. `false`: nowhere, as where the folder is read-only.
   */
  readonly lastUse?: string | false
}
