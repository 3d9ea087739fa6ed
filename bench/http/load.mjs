// The client process: the same program for every side. Each connection makes its next call when it has its answer.
import { answering, given } from '../answering.mjs'
import { median } from '../statistics.mjs'
import { openCaller } from './callers.mjs'

const caller = await openCaller(given)
let made = 0

async function oneAfterAnother(until, latencies) {
  while (performance.now() < until) {
    const began = performance.now()
    await caller.call()
    latencies.push(performance.now() - began)
  }
}

async function run({ ms }) {
  const latencies = []
  const cpu = process.cpuUsage()
  const began = performance.now()
  const connections = Array.from({ length: given.connections }, () => oneAfterAnother(began + ms, latencies))
  await Promise.all(connections)
  const seconds = (performance.now() - began) / 1000
  const { user, system } = process.cpuUsage(cpu)
  made += latencies.length
  return { calls: latencies.length, seconds, cpuUs: user + system, latencyMs: median(latencies) }
}

answering({ run, made: () => made, stop: () => caller.close() })
