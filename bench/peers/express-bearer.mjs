// Express behind express-oauth2-jwt-bearer, set up as its README says: discovery, keys fetched once and kept. With
// `strict` it takes only tokens as RFC 9068 has them.

import { createServer } from 'node:http'
import express from 'express'
import { auth } from 'express-oauth2-jwt-bearer'
import { given } from '../answering.mjs'
import { book, PATH } from '../http/entry.mjs'
import { serve } from '../servers/serving.mjs'

const { issuer, audience, strict = false } = given
const app = express()
app.use(auth({ issuerBaseURL: issuer, audience, strict }))
app.use(express.json())
app.post(PATH, (req, res) => res.json(book(req.body)))
serve(createServer(app))
