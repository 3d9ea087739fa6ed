import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'
import { generateKey } from '../../src/keys/jwk.ts'

/** A real OpenID provider on a free loopback port, which gives access tokens as RFC 9068 has them. */
export interface OpenIdProvider {
  readonly issuer: string
  readonly client: { readonly client_id: string; readonly client_secret: string }
  close(): Promise<void>
}

export async function openIdProvider(audience: string, scope: string): Promise<OpenIdProvider> {
  let handler: RequestListener = (_request, response) => response.end()
  const server = createServer((request, response) => void handler(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = { client_id: 'reports', client_secret: 'not a secret: it is for this test alone' }
  const key = await generateKey({ alg: 'ES256', kid: 'provider-1' })
  const provider = new Provider(issuer, {
    clients: [
      {
        ...client,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys: [{ ...key, use: 'sig' }] },
    features: {
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope,
          audience,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  })
  handler = provider.callback()
  return {
    issuer,
    client,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
