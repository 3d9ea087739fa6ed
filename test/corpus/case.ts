/**
 * What becomes of a case. `dropped`: the handler runs and finds no trace of it. `refused`: the handler does not run. `kept`:
 * the handler sees it as it came. `unnamed`: the bytes may stay in the value of a field that names nobody, but no field of
 * one of the names in `names` comes into being.
 */
export type Expectation = 'dropped' | 'refused' | 'refused or dropped' | 'kept' | 'refused or unnamed'

/** What an outsider adds to a request, and what a handler may see of it. */
export interface Case {
  readonly group: string
  readonly title: string
  /** Field lines as they go out, without the line break at the end; one character is one byte. */
  readonly raw: readonly string[]
  /** Lines behind the last chunk of a body. */
  readonly trailers: readonly string[]
  /** What the signed caller set and its signature covers, before the outsider came. */
  readonly covered: Readonly<Record<string, string>>
  /** Names, folded, that no visible field may have. */
  readonly names: readonly string[]
  readonly expects: { readonly anonymous: Expectation; readonly signed: Expectation }
}

export type Row =
  | readonly [title: string, ...raw: string[]]
  | (Partial<Omit<Case, 'group' | 'expects'>> & Pick<Case, 'title'> & { readonly expects?: Expects })

type Expects = Expectation | Case['expects']

/** What any of the spellings of a name comes to, as behind a bridge to CGI, WSGI, Rack or PHP. */
export function foldedName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
}

/** A sign that somebody else than the library put it there: no case is without one but for those with empty values. */
export const MARK = /allory|bWFsbG9yeQ|203\.0\.113\.66|2001:db8::66/i

/** What the lines of a case would be called by a lenient parser. */
function namesIn(lines: readonly string[]): string[] {
  return lines
    .flatMap((line) => line.split(/[\r\n]+(?![ \t])/))
    .map((line) => foldedName(line.slice(0, line.indexOf(':'))))
    .filter((name) => name !== '')
}

const both = (expects: Expects): Case['expects'] =>
  typeof expects === 'string' ? { anonymous: expects, signed: expects } : expects

/** Makes cases of rows: by default all lines are names that handlers must not see. */
export function casesOf(group: string, usually: Expects, rows: readonly Row[]): Case[] {
  return rows.map((row) => {
    const given = 'title' in row ? row : { title: row[0], raw: row.slice(1) }
    const { title, raw = [], trailers = [], covered = {}, expects = usually } = given as Exclude<Row, readonly string[]>
    const names = given.names ?? namesIn([...raw, ...trailers])
    return { group, title, raw, trailers, covered, names, expects: both(expects) }
  })
}
