// Express: raw, or behind the guard.

import { createServer } from 'node:http'
import { openApp } from './express-app.mjs'
import { serve } from './serving.mjs'

const { app, close } = await openApp()
serve(createServer(app), { close })
