import type { MaybePromise } from '../../src/core/maybe-promise.ts'
import type { ReplayStore } from '../../src/replay/store.ts'

/** One thing every store of used proofs must do. `run` rejects where it does not. */
export interface ContractCase {
  readonly title: string
  run(): Promise<void>
}

type Outcome = 'fresh' | 'seen'

const LIFETIME_MS = 60_000
const COPIES = 64

function demand(found: readonly Outcome[], wanted: readonly Outcome[]): void {
  if (found.join() !== wanted.join()) throw new Error(`claims gave ${found.join()} instead of ${wanted.join()}`)
}

async function inTurn(store: ReplayStore, claims: readonly (readonly [string, number])[]): Promise<Outcome[]> {
  const found: Outcome[] = []
  for (const [name, expiresAt] of claims) found.push(await store.claim(name, expiresAt))
  return found
}

async function atOnce(store: ReplayStore, name: string, expiresAt: number): Promise<Outcome[]> {
  const claims = Array.from({ length: COPIES }, async () => store.claim(name, expiresAt))
  return (await Promise.all(claims)).sort()
}

/** What every store must do, by the real clock; `create` gives a store that nobody else uses. */
export function replayStoreContract(create: () => MaybePromise<ReplayStore>): readonly ContractCase[] {
  const name = 'spiffe://acme.test/ledger spiffe://acme.test/orders AAAAAAAAAAAAAAAAAAAAAA'
  const of = (title: string, body: (store: ReplayStore, until: number) => Promise<void>): ContractCase => ({
    title,
    run: async () => body(await create(), Date.now() + LIFETIME_MS),
  })
  return [
    of('gives a name once', async (store, until) => {
      const claims = Array.from({ length: 3 }, () => [name, until] as const)
      demand(await inTurn(store, claims), ['fresh', 'seen', 'seen'])
    }),
    of('gives a name to one of many who claim at once', async (store, until) => {
      demand(await atOnce(store, name, until), ['fresh', ...Array<Outcome>(COPIES - 1).fill('seen')])
    }),
    of('knows a name again under a later and an earlier expiry', async (store, until) => {
      const claims = [until, until + 40_000, until - 40_000].map((expiresAt) => [name, expiresAt] as const)
      demand(await inTurn(store, claims), ['fresh', 'seen', 'seen'])
    }),
    of('tells callers, callees and nonces apart', async (store, until) => {
      const names = ['a b n', 'a c n', 'c b n', 'a b m', 'a b N', 'a b nn', 'a b n-']
      demand(
        await inTurn(
          store,
          names.map((each) => [each, until] as const),
        ),
        Array<Outcome>(names.length).fill('fresh'),
      )
    }),
    of('keeps a name among many others', async (store, until) => {
      demand([await store.claim(name, until)], ['fresh'])
      for (let i = 0; i < 2_000; i++) demand([await store.claim(`${name}${i}`, until + (i % 50) * 1000)], ['fresh'])
      demand([await store.claim(name, until)], ['seen'])
    }),
    of('keeps a claim that lives the longest a proof may', async (store, until) => {
      const longest = until + 900_000
      demand(
        await inTurn(store, [
          [name, longest],
          [name, longest],
        ]),
        ['fresh', 'seen'],
      )
    }),
  ]
}
