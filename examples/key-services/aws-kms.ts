// A key of a keyring that stays in AWS KMS.
// Compiled and tested against an imitation; not run against the real service.
import {
  DecryptCommand,
  EncryptCommand,
  IncorrectKeyException,
  InvalidCiphertextException,
  KMSClient,
  type KMSClientConfig,
} from '@aws-sdk/client-kms'
import type { KeyRequest, KeyService } from 'countersign/envelope'

/**
 * @param keyId the ARN of a symmetric key (`SYMMETRIC_DEFAULT`), or the ARN of its alias
 * @param config what the SDK's client takes: region, credentials, endpoint
 */
export function awsKms(keyId: string, config: KMSClientConfig = {}): KeyService {
  const client = new KMSClient(config)

  async function wrap(dataKey: Uint8Array, { kid, signal }: KeyRequest): Promise<Uint8Array> {
    const command = new EncryptCommand({ KeyId: keyId, Plaintext: dataKey, EncryptionContext: contextOf(kid) })
    const { CiphertextBlob } = await client.send(command, { abortSignal: signal })
    if (CiphertextBlob === undefined) throw new Error('AWS KMS gave no ciphertext')
    return CiphertextBlob
  }

  async function unwrap(wrapped: Uint8Array, { kid, signal }: KeyRequest): Promise<Uint8Array | undefined> {
    // Without KeyId the service would take whichever key the ciphertext names, one of another account included.
    const command = new DecryptCommand({ KeyId: keyId, CiphertextBlob: wrapped, EncryptionContext: contextOf(kid) })
    try {
      const { Plaintext } = await client.send(command, { abortSignal: signal })
      if (Plaintext === undefined) throw new Error('AWS KMS gave no plaintext')
      return Plaintext
    } catch (error) {
      // A disabled key, one awaiting deletion and a missing permission say nothing about the ciphertext: they are thrown.
      if (error instanceof InvalidCiphertextException || error instanceof IncorrectKeyException) return undefined
      throw error
    }
  }

  return { wrap, unwrap }
}

/** Authenticated and not secret: it appears in CloudTrail, and policies can require it by `kms:EncryptionContext:kid`. */
function contextOf(kid: string): Record<string, string> {
  return { purpose: 'countersign/data-key', kid }
}
