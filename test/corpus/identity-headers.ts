import { around } from './around.ts'
import type { Case } from './case.ts'
import { names } from './names.ts'
import { spellings } from './spellings.ts'
import { standards } from './standards.ts'
import { values } from './values.ts'

/**
 * Fields from outside that are made to hurt, written from the standards and the attacks, not from the library.
 *
 * The rule all of them are judged by: nothing that names a person, a workload, a certificate, a transaction or an address,
 * and nothing that puts another method or target in the place of the request's own, may reach a handler, or an upstream that
 * the handler calls, unless the caller's proof covers it or the guard's `pass` names it. It is the name that is judged, in
 * any of its spellings: whoever stands behind the handler may read `X_User` as `X-User`. What carries a secret that the
 * handler checks itself (`Authorization`, a cookie, the signature of a webhook) names nobody, and reaches it where no proof
 * says what does.
 */
export const identityHeaders: readonly Case[] = [...spellings, ...values, ...standards, ...names, ...around]

/** The groups of which there have to be ten cases at least. */
export const groups = [
  'letter case',
  'doubles',
  'underscores',
  'folding',
  'quoting',
  'encodings',
  'X-Forwarded-*',
  'Forwarded',
  'XFCC',
  'Client-Cert',
  'Txn-Token',
  'Workload-*',
  'Signature*',
] as const
