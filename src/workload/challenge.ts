/** A name, an equals sign and a value, quoted or not, beginning where a name can begin. */
const PARAMETER = /(?<![\w!#$%&'*+.^`|~-])([\w!#$%&'*+.^`|~-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g
const MAX_CHARACTERS = 4096

/** What a service says is wrong with a token or its proof: the `error` of each of its challenges (RFC 6750 §3, RFC 9449 §7.1). */
export function errorsIn(field: string | null): ReadonlySet<string> {
  const found = (field ?? '').slice(0, MAX_CHARACTERS).matchAll(PARAMETER)
  return new Set(
    [...found]
      .filter(([, name]) => name?.toLowerCase() === 'error')
      .map(([, , quoted, plain]) => quoted ?? plain ?? ''),
  )
}
