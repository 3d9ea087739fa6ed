import { createServer } from 'node:http'
import express from 'express'
import { book, PATH } from '../http/entry.mjs'
import { serve } from '../servers/serving.mjs'
import { admit, answerFields, gather } from './guard.mjs'

const app = express()
app.use((req, res, next) =>
  gather(req, (bytes) => {
    const call = admit(req, bytes)
    req.body = call.body
    const { end } = res
    res.end = (body, ...rest) => {
      for (const [name, value] of answerFields(call, body)) res.setHeader(name, value)
      return end.call(res, body, ...rest)
    }
    next()
  }),
)
app.use(express.json())
app.post(PATH, (req, res) => {
  res.json(book(req.body))
})
serve(createServer(app))
