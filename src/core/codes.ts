/** The families of failure. The far side of a call learns the kind and nothing else. */
export type Kind =
  | 'config'
  | 'malformed'
  | 'unauthenticated'
  | 'forbidden'
  | 'limited'
  | 'unopened'
  | 'unavailable'
  | 'upstream'

/** What the table says of a code. `problem` is the type a stranger sees where it is not the kind itself. */
export interface CodeEntry {
  readonly kind: Kind
  readonly status: number
  readonly retryable: boolean
  readonly sentence: string
  readonly problem?: 'encryption-required' | 'session-unknown'
}

function entry(kind: Kind, status: number, sentence: string, more: Partial<CodeEntry> = {}): CodeEntry {
  return Object.freeze({ kind, status, retryable: false, sentence, ...more })
}

const config = (sentence: string) => entry('config', 500, sentence)
const malformed = (sentence: string, status = 400) => entry('malformed', status, sentence)
const unauthenticated = (sentence: string) => entry('unauthenticated', 400, sentence)
const unauthorized = (sentence: string) => entry('unauthenticated', 401, sentence)
const unavailable = (sentence: string, status = 503) =>
  entry('unavailable', status, sentence, { retryable: status === 503 })
const upstream = (sentence: string, retryable = false) => entry('upstream', 502, sentence, { retryable })

/**
 * The one table of error codes. A published code is never renamed; each has its paragraph in docs/errors.md
 * and at least one test.
 */
export const codes = Object.freeze({
  // The operator's mistakes: found at construction, or at the first call that shows them.
  'option-invalid': config('An option is not valid.'),
  'no-disk': config('This runtime has no disk to read files from.'),
  'no-certificates': config('This runtime cannot verify certificates.'),
  'key-invalid': config('A key is not usable for what it was given for.'),
  'credentials-invalid': config('The credentials cannot be used.'),
  'trust-invalid': config('The trust bundle cannot be used.'),
  'policy-invalid': config('The policy cannot be used.'),
  'peer-unknown': config('The origin of this call belongs to no known peer.'),
  'field-reserved': config('A header field that the library writes itself was set by the application.'),
  'body-read-before-guard': config('The body was read before the guard could verify it.'),
  'guard-missing': config('No guard has judged this request.'),

  // What arrived cannot be read.
  'request-malformed': malformed('The request is not well formed.'),
  'target-not-canonical': malformed('The request target has more than one spelling.'),
  'signature-malformed': malformed('The signature fields are not well formed.'),
  'token-malformed': malformed('The workload identity token is not well formed.'),
  'digest-malformed': malformed('The content digest is not well formed.'),
  'envelope-malformed': malformed('The sealed body is not announced as the profile demands.'),
  'field-not-covered': malformed('A header field that must be proven is not covered by the signature.'),
  'body-unannounced': malformed('A body came with a request whose signature covers none.'),
  'body-too-large': malformed('The body is larger than the limit.', 413),
  'session-malformed': malformed('The offer of a session is not well formed.'),
  'body-malformed': malformed('The body is not what its media type says.'),
  'upgrade-refused': malformed('The connection may not be upgraded.'),
  'encryption-required': entry('malformed', 415, 'This route takes sealed bodies only.', {
    problem: 'encryption-required',
  }),

  // Nobody has proven to be the caller.
  'proof-missing': unauthenticated('The request carries no proof of who sent it.'),
  'session-unknown': entry('unauthenticated', 400, 'The session of this request is not known here.', {
    problem: 'session-unknown',
  }),
  'proof-ambiguous': unauthenticated('The request carries more than one proof.'),
  'proof-incomplete': unauthenticated('The proof lacks a parameter or carries one that is forbidden.'),
  'proof-invalid': unauthenticated('The proof does not match the request.'),
  'proof-expired': unauthenticated('The proof is outside its time.'),
  'proof-replayed': unauthenticated('The proof was used before.'),
  'audience-mismatch': unauthenticated('The proof is addressed to somebody else.'),
  'digest-mismatch': unauthenticated('The body is not the one that was signed.'),
  'token-missing': unauthenticated('The request carries no workload identity token.'),
  'token-invalid': unauthenticated('The workload identity token does not hold.'),
  'token-expired': unauthenticated('The workload identity token is outside its time.'),
  'token-untrusted': unauthenticated('Nobody who is trusted vouches for the workload identity token.'),
  'token-revoked': unauthenticated('The workload, its key or its token was revoked.'),

  // RFC 9440 §2.4: to a certificate that is not accepted the answer is 403.
  'certificate-invalid': entry('unauthenticated', 403, 'The certificate does not tell who calls.'),

  // The same, where the answer says how to authenticate (`WWW-Authenticate`).
  'authentication-required': unauthorized('The request carries nothing that tells who sent it.'),
  'authentication-failed': unauthorized('What the request carries does not tell who sent it.'),
  'bearer-invalid': unauthorized('The access token does not hold.'),
  'dpop-invalid': unauthorized('The proof that comes with the access token does not hold.'),
  'dpop-nonce-required': unauthorized('The proof that comes with the access token lacks a nonce of ours that holds.'),
  'api-key-invalid': unauthorized('The API key does not hold.'),

  // The caller is known and may not.
  'policy-denied': entry('forbidden', 403, 'The policy does not allow this call.'),

  // The caller is known and asks for too much.
  'session-limited': entry('limited', 429, 'This caller opens more sessions than it may.', { retryable: true }),

  // One code for every cause.
  unopened: entry('unopened', 400, 'The sealed bytes could not be opened.'),

  // Not now.
  'replay-full': unavailable('The memory of seen proofs is full for this caller.'),
  'key-service-unavailable': unavailable('The key service cannot be reached.'),
  'replay-unavailable': unavailable('The store of seen proofs cannot be reached.'),
  'keys-unavailable': unavailable('The store of API keys cannot say whose key it is.'),
  'trust-unavailable': unavailable('Who is to be believed could not be found out for too long.'),
  'workload-closed': unavailable('The workload was closed.'),
  'credentials-unavailable': unavailable('The workload has no credentials that hold now.'),
  'policy-unavailable': unavailable('The policy could not decide.'),
  'answer-unsignable': unavailable('The answer cannot be signed as a whole.', 501),
  'handler-failed': unavailable('The handler failed.', 500),

  // What came back to a caller.
  'answer-unsigned': upstream('The answer carries no signature.'),
  'answer-invalid': upstream('The signature of the answer does not hold.'),
  'answer-unbound': upstream('The answer is not bound to the request it came for.'),
  'answer-foreign': upstream('The answer comes from another workload than the one that was called.'),
  'answer-malformed': upstream('The answer is not well formed.'),
  'answer-too-large': upstream('The answer is larger than the limit.'),
  'answer-plaintext': upstream('The answer is not sealed although it has to be.'),
  'peer-cannot-open': upstream('The peer has published no key to seal to.'),
  'redirect-refused': upstream('The redirect leads away from the peer that was called.'),
  'transport-failed': upstream('The call could not be delivered, or its answer not be read.', true),
  'timed-out': upstream('The answer did not come in time.', true),
} as const satisfies Record<string, CodeEntry>)

/** The closed set of error codes. */
export type Code = keyof typeof codes

/** Looks a code up in the table. */
export function codeEntry(code: Code): CodeEntry {
  return codes[code]
}

/** The problem type a stranger is told for a code: its kind, or one of two named exceptions. */
export function problemKind(code: Code): string {
  const found = codeEntry(code)
  return found.problem ?? found.kind
}
