import { BlockList, isIP } from 'node:net'
import { describe, expect, it } from 'vitest'
import { isInRange, readAddress, readRange } from '../../src/core/address.ts'

const within = (address: string, range: string) => {
  const [bytes, read] = [readAddress(address), readRange(range)]
  return bytes !== undefined && read !== undefined && isInRange(bytes, read)
}

describe('an IP address', () => {
  it('is read in its usual spellings', () => {
    expect(readAddress('192.0.2.1')).toEqual([192, 0, 2, 1])
    expect(readAddress('::')).toEqual(new Array(16).fill(0))
    expect(readAddress('2001:db8::1')).toEqual([32, 1, 13, 184, ...new Array(11).fill(0), 1])
    expect(readAddress('1:2:3:4:5:6:7:8')).toHaveLength(16)
    expect(readAddress('::ffff:192.0.2.1')).toEqual([192, 0, 2, 1])
    expect(readAddress('64:ff9b::192.0.2.1')).toHaveLength(16)
  })

  it('is no other text', () => {
    const bad = '1.2.3,1.2.3.4.5,1.2.3.256,01.2.3.4,1.2.3.4 ,0x1.2.3.4,:,:::,1::2::3,1:2:3:4:5:6:7,1:2:3:4:5:6:7:8:9,'
    const more = '12345::,g::,::1.2.3,1.2.3.4::,fe80::1%eth0,[::1],1:2:3:4:5:6:7::8'.split(',')
    for (const text of [...bad.split(','), ...more]) expect(readAddress(text), text).toBeUndefined()
  })

  it('is what the runtime takes for one, but for zones', () => {
    const parts = ['', '0', '1', 'ff', 'ffff', '10000', ':', '::', '.', '1.2.3.4', '255', '256', '::1', 'g']
    let state = 7
    const next = () => {
      state = (state * 48_271) % 2_147_483_647
      return state
    }
    for (let count = 0; count < 20_000; count++) {
      const text = Array.from({ length: 1 + (next() % 9) }, () => parts[next() % parts.length]).join(
        next() % 2 ? ':' : '',
      )
      expect(readAddress(text) !== undefined, text).toBe(isIP(text) !== 0)
    }
  })
})

describe('a range of addresses', () => {
  it('holds what lies in it', () => {
    expect(within('10.1.2.3', '10.0.0.0/8')).toBe(true)
    expect(within('11.1.2.3', '10.0.0.0/8')).toBe(false)
    expect(within('192.0.2.1', '192.0.2.1')).toBe(true)
    expect(within('192.0.2.2', '192.0.2.1')).toBe(false)
    expect(within('::ffff:10.0.0.1', '10.0.0.0/8')).toBe(true)
    expect(within('2001:db8:1::5', '2001:db8::/33')).toBe(true)
    expect(within('2001:db8:8000::5', '2001:db8::/33')).toBe(false)
    expect(within('203.0.113.9', '0.0.0.0/0')).toBe(true)
    expect(within('::1', '0.0.0.0/0')).toBe(false)
  })

  it('is written in one way: no bits behind its length, no length beyond it', () => {
    for (const text of ['10.0.0.1/8', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/', '10.0.0.0/8/8', '::/129', '::1/64'])
      expect(readRange(text), text).toBeUndefined()
    expect(readRange('::ffff:10.0.0.0/104')).toBeUndefined()
  })

  it('is what the runtime takes it for', () => {
    let state = 11
    const next = (below: number) => {
      state = (state * 48_271) % 2_147_483_647
      return state % below
    }
    for (let count = 0; count < 2_000; count++) {
      const bits = next(33)
      const value = next(2 ** 31)
      const base = bits === 0 ? 0 : (value >>> (32 - bits)) << (32 - bits)
      const dotted = (n: number) => [24, 16, 8, 0].map((shift) => (n >>> shift) & 255).join('.')
      const list = new BlockList()
      list.addSubnet(dotted(base), bits, 'ipv4')
      const address = dotted(next(2) === 0 ? value : next(2 ** 31))
      expect(within(address, `${dotted(base)}/${bits}`), `${address} ${dotted(base)}/${bits}`).toBe(list.check(address))
    }
  })
})
