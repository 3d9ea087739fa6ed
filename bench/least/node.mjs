import { createServer } from 'node:http'
import { book } from '../http/entry.mjs'
import { serve } from '../servers/serving.mjs'
import { admit, answerFields, gather } from './guard.mjs'

const server = createServer((req, res) =>
  gather(req, (bytes) => {
    const call = admit(req, bytes)
    const body = JSON.stringify(book(call.body))
    res.writeHead(200, [...answerFields(call, body).flat(), 'Content-Length', `${body.length}`])
    res.end(body)
  }),
)
serve(server)
