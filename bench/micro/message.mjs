// What is signed in the RFC 9421 rows: an ordinary POST, the components an API would cover.
export const URL_OF_CALL = 'https://ledger.bench.internal/entries?batch=7'

export const HEADERS = {
  'content-type': 'application/json',
  'content-digest': 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
  'content-length': '1024',
  accept: 'application/json',
}

export const COMPONENTS = ['@method', '@authority', '@path', '@query', 'content-type', 'content-digest']
export const REQUEST = { method: 'POST', url: URL_OF_CALL }
