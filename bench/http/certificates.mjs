// Certificates for mutual TLS: an authority, a server, a client; ECDSA P-256, made anew for each run, and as SPIFFE wants
// them, so that a guard takes the client's.
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const LEAF = [
  'basicConstraints=critical,CA:FALSE',
  'keyUsage=critical,digitalSignature',
  'extendedKeyUsage=serverAuth,clientAuth',
]
const AUTHORITY = ['keyUsage=critical,keyCertSign,cRLSign', 'subjectAltName=URI:spiffe://bench.internal']

export function writeCertificates(folder) {
  const openssl = (...args) => execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const extensions = AUTHORITY.flatMap((extension) => ['-addext', extension])
  const self = ['-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=bench authority']
  openssl('req', '-x509', ...key, ...self, ...extensions)
  for (const [name, alternative] of [
    ['server', 'IP:127.0.0.1'],
    ['client', 'URI:spiffe://bench.internal/orders'],
  ]) {
    writeFileSync(join(folder, `${name}.ext`), `${[...LEAF, `subjectAltName=${alternative}`].join('\n')}\n`)
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${name}.ext`]
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, '-days', '2', ...authority)
  }
}

/** The authority as it stands in a trust bundle. */
export function authorityKey(folder) {
  const { publicKey, raw } = new X509Certificate(readFileSync(join(folder, 'ca.crt')))
  return { ...publicKey.export({ format: 'jwk' }), use: 'x509-svid', x5c: [raw.toString('base64')] }
}
