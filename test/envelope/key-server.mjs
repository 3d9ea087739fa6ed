// A key service in a process of its own, over HTTP: it wraps by AES-256-GCM under keys that it alone has, and counts.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'

const keys = new Map()
let behaviour = 'well'
let asked = 0

function keyOf(kid) {
  if (!keys.has(kid)) keys.set(kid, randomBytes(32))
  return keys.get(kid)
}

function wrap(kid, dataKey) {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', keyOf(kid), nonce)
  return Buffer.concat([nonce, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()])
}

function unwrap(kid, wrapped) {
  const decipher = createDecipheriv('aes-256-gcm', keyOf(kid), wrapped.subarray(0, 12))
  decipher.setAuthTag(wrapped.subarray(-16))
  return Buffer.concat([decipher.update(wrapped.subarray(12, -16)), decipher.final()])
}

async function bodyOf(req) {
  const chunks = []
  for await (const chunk of req) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const server = createServer(async (req, res) => {
  const [, operation, kid] = req.url.split('/')
  const body = await bodyOf(req)
  if (operation === 'behave') {
    behaviour = kid
    res.end()
    return
  }
  if (operation === 'asked') {
    res.end(String(asked))
    return
  }
  asked++
  if (behaviour === 'slow') return
  if (behaviour === 'failing') {
    res.writeHead(500).end()
    return
  }
  // Long enough for all who ask at once to be waiting.
  await new Promise((resolve) => setTimeout(resolve, 20))
  try {
    res.end(operation === 'wrap' ? wrap(kid, body) : unwrap(kid, body))
  } catch {
    res.writeHead(400).end()
  }
})
server.listen(0, '127.0.0.1', () => process.send(server.address().port))
process.on('disconnect', () => process.exit())
