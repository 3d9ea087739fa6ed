// The workload and the guard of every secured server: as the README's quickstart shows them.

import { join } from 'node:path'
import { bearerToken, clientCertificate } from 'countersign/accept'
import { policyFile } from 'countersign/policy'
import { given } from '../answering.mjs'
import { LEDGER } from '../http/domain.mjs'
import { openWorkload } from '../http/workload.mjs'

/** How callers are told that come without a proof of the library's own. */
const ways = {
  bearer: ({ issuer, audience }) => bearerToken({ issuer, audience }),
  certificate: () => clientCertificate(),
}

export async function openLedger() {
  const { folder, sessions, accept } = given
  const { workload, close } = await openWorkload('ledger', { folder, id: LEDGER, sessions })
  const accepted = accept === undefined ? {} : { accept: [ways[accept](given)] }
  const guardOptions = { policy: policyFile(join(folder, 'policy.json')), json: true, ...accepted }
  return { ledger: workload, guardOptions, close }
}
