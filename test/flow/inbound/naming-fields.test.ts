import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { FAMILIES, foldedName, isNaming, NAMES, STEMS, WORDS } from '../../../src/flow/inbound/naming-fields.ts'

describe('names of fields', () => {
  it('come to one spelling, however their words are set apart', () => {
    for (const name of [
      'x-real-ip',
      'x_real_ip',
      'x.real_ip',
      '_x-real-ip',
      'x--real__ip',
      'x-real-ip*',
      "x'real|ip",
    ]) {
      expect(foldedName(name)).toBe('x-real-ip')
    }
    expect(foldedName('__proto__')).toBe('proto')
    expect(foldedName('_')).toBe('')
  })

  it('are judged by family, stem, word or as a whole', () => {
    for (const family of FAMILIES) {
      for (const name of [family, `x-${family}`, `${family}-more`, `x-${family}-more`])
        expect(isNaming(name)).toBe(true)
    }
    for (const stem of STEMS) for (const name of [stem, `my${stem}s`, `a-${stem}-b`]) expect(isNaming(name)).toBe(true)
    for (const word of WORDS) for (const name of [word, `a-${word}`, `a-${word}-b`]) expect(isNaming(name)).toBe(true)
    for (const name of [...NAMES, 'signature-agent']) expect(isNaming(name)).toBe(true)
  })

  it('that browsers, traces, webhooks and HTTP itself use name nobody', () => {
    const names = [
      ...['accept', 'accept-language', 'access-control-request-method', 'authorization', 'cache-control', 'connection'],
      ...['content-type', 'cookie', 'date', 'dnt', 'expect', 'host', 'if-match', 'if-none-match', 'last-event-id'],
      ...['origin', 'prefer', 'priority', 'range', 'referer', 'sec-ch-ua', 'sec-fetch-site', 'sec-fetch-user', 'te'],
      ...['transfer-encoding', 'upgrade', 'upgrade-insecure-requests', 'user-agent', 'via', 'x-requested-with'],
      ...['traceparent', 'tracestate', 'baggage', 'b3', 'x-b3-traceid', 'x-amzn-trace-id', 'x-cloud-trace-context'],
      ...[
        'x-request-id',
        'x-correlation-id',
        'idempotency-key',
        'x-api-key',
        'api-key',
        'x-csrf-token',
        'x-auth-token',
      ],
      ...[
        'x-hub-signature-256',
        'x-github-delivery',
        'x-gitlab-token',
        'x-slack-signature',
        'stripe-signature',
        'svix-id',
      ],
      ...['x-signature', 'x-signature-ed25519', 'paypal-cert-url', 'x-goog-resource-uri', 'x-shopify-shop-domain'],
      ...[
        'x-amz-sns-topic-arn',
        'x-twilio-signature',
        'x-mailer',
        'x-browser',
        'x-user-agent',
        'x-shipping-zip',
        'x-loginfo',
      ],
    ]
    expect(names.filter(isNaming)).toEqual([])
  })

  it('of clients hide no name', () => {
    expect(['x-user-agent-email', 'user-agent-user', 'sec-fetch-user-id'].filter(isNaming)).toHaveLength(3)
  })

  it('are all on their page', () => {
    const page = readFileSync(new URL('../../../docs/headers.md', import.meta.url), 'utf8')
    const missing = [...FAMILIES, ...STEMS, ...WORDS, ...NAMES].filter((name) => !page.includes(`\`${name}\``))
    expect(missing).toEqual([])
  })
})
