import { describe, expect, it } from 'vitest'
import { Owners } from '../../src/replay/owners.ts'

describe('Owners', () => {
  it('has no number for an owner without live claims', () => {
    const owners = new Owners()
    expect(owners.numberOf('ledger orders')).toBe(0)
    const owner = owners.enter('ledger orders')
    owners.claimed(owner)
    expect(owners.numberOf('ledger orders')).toBe(owner)
    owners.released(owner)
    expect(owners.numberOf('ledger orders')).toBe(0)
    expect(owners.active).toBe(0)
  })

  it('counts each owner for itself, up and down', () => {
    const owners = new Owners()
    const [a, b] = [owners.enter('a'), owners.enter('b')]
    for (const owner of [a, a, b, a]) owners.claimed(owner)
    owners.released(a)
    expect([owners.countOf(a), owners.countOf(b), owners.active]).toEqual([2, 1, 2])
  })

  it('gives a number again only after its last claim is released', () => {
    const owners = new Owners()
    const [a, b] = [owners.enter('a'), owners.enter('b')]
    for (const owner of [a, b]) owners.claimed(owner)
    owners.released(a)
    const c = owners.enter('c')
    owners.claimed(c)
    expect(c).toBe(a)
    expect(owners.enter('d')).not.toBe(b)
    expect([owners.numberOf('a'), owners.numberOf('b'), owners.numberOf('c')]).toEqual([0, b, c])
  })

  it('counts the bytes of names, and gives them back', () => {
    const owners = new Owners()
    const before = owners.bytes
    const owner = owners.enter('x'.repeat(1000))
    owners.claimed(owner)
    expect(owners.bytes - before).toBeGreaterThanOrEqual(1000)
    owners.released(owner)
    expect(owners.bytes).toBe(before)
  })
})
