/** Whether a URL without query means a path of ours, by the origins and URL prefixes that are ours: never by `Host`. */
export function isOurs(urls: readonly string[], path: string, url: string | undefined): boolean {
  if (url === undefined) return false
  return urls.some((ours) => url === new URL(ours).origin + path && covers(ours, url))
}

/** A prefix covers a URL at a segment boundary only. */
function covers(prefix: string, url: string): boolean {
  return url === prefix || url.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)
}
