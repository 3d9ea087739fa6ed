// The workload and the guard of every secured server: as the README's quickstart shows them.

import { join } from 'node:path'
import { policyFile } from 'countersign/policy'
import { given } from '../answering.mjs'
import { LEDGER } from '../http/domain.mjs'
import { openWorkload } from '../http/workload.mjs'

export async function openLedger() {
  const { folder, sessions } = given
  const { workload, close } = await openWorkload('ledger', { folder, id: LEDGER, sessions })
  const guardOptions = { policy: policyFile(join(folder, 'policy.json')), json: true }
  return { ledger: workload, guardOptions, close }
}
