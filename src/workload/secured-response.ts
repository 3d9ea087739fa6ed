import { platform } from '#platform'
import type { Bytes } from '../core/bytes.ts'
import type { Fields } from '../core/message.ts'
import { streamOf } from '../flow/byte-source.ts'
import type { CallResult } from '../flow/outbound/attempt.ts'
import type { Passage } from '../flow/passage.ts'
import { entriesOf, headersOf } from '../flow/whatwg.ts'
import type { Peer } from '../identity/peer.ts'

/** What the library knows about a verified answer. */
export interface AnswerFacts {
  readonly callId: string
  readonly peer: Peer
  readonly sealed: boolean
}

const NULL_BODY = new Set([204, 205, 304])

/** What fetch would give, and beside it what was proven of it. */
class SecuredResponse extends Response {
  readonly #url: string
  readonly #facts: AnswerFacts

  constructor(
    { answer, url, callId, peer, sealed }: CallResult,
    body: Bytes | ReadableStream<Bytes> | undefined,
    headers: [string, string][],
  ) {
    super(body ?? null, { status: answer.status, headers })
    this.#url = url
    this.#facts = { callId, peer, sealed }
  }

  /** A response that is made has none, and this one came from somewhere. */
  override get url(): string {
    return this.#url
  }

  static factsOf(response: object): AnswerFacts | undefined {
    return #facts in response ? Object.freeze(response.#facts) : undefined
  }
}

/**
 * The same, whose header and body become objects of the runtime when somebody wants them: most answers are read as a
 * whole and few of their fields are, and those objects cost more than all that is proven of the answer. Outside it
 * differs from any response in nothing.
 */
class WholeResponse extends SecuredResponse {
  readonly #bytes: Bytes
  readonly #fields: Fields
  #headers: Headers | undefined
  #isRead = false
  /** Who has the body as a stream. */
  #streaming: Response | undefined

  constructor(result: CallResult, bytes: Bytes) {
    super(result, undefined, [])
    this.#bytes = bytes
    this.#fields = result.answer.fields
  }

  override get headers(): Headers {
    this.#headers ??= headersOf(this.#fields)
    return this.#headers
  }

  override get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#streamed().body
  }

  override get bodyUsed(): boolean {
    return this.#streaming?.bodyUsed ?? this.#isRead
  }

  override async text(): Promise<string> {
    return this.#streaming === undefined ? new TextDecoder().decode(this.#take()) : this.#streaming.text()
  }

  override async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }

  override async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#streaming === undefined ? this.#take().slice().buffer : this.#streaming.arrayBuffer()
  }

  override async bytes(): Promise<Bytes> {
    return new Uint8Array(await this.arrayBuffer())
  }

  override async blob(): Promise<Blob> {
    return this.#streamed().blob()
  }

  override async formData(): Promise<FormData> {
    return this.#streamed().formData()
  }

  override clone(): Response {
    return this.#streamed().clone()
  }

  #take(): Bytes {
    // Condition: the body of an answer is read once, as that of any response.
    if (this.#isRead) throw new TypeError('Body is unusable: Body has already been read')
    this.#isRead = true
    return this.#bytes
  }

  #streamed(): Response {
    if (this.#streaming === undefined) {
      const { status, headers } = this
      this.#streaming = new Response(this.#bytes, { status, headers })
      // A body that was read stays read, for whoever asks for the stream now.
      if (this.#isRead) void this.#streaming.arrayBuffer()
    }
    return this.#streaming
  }
}

function streamedOf(result: CallResult, stream: Passage): Response {
  const isEmpty = NULL_BODY.has(result.answer.status)
  if (isEmpty) stream.cancel().catch(() => undefined)
  return new SecuredResponse(result, isEmpty ? undefined : streamOf(stream), entriesOf(result.answer.fields))
}

/** Makes the response of a call. */
export function responseOf(result: CallResult): Response {
  const { status, body, fields } = result.answer
  if (result.stream !== undefined) return streamedOf(result, result.stream)
  const isEmpty = body === undefined || NULL_BODY.has(status)
  if (!isEmpty && platform.responsesAreScript) return new WholeResponse(result, body)
  return new SecuredResponse(result, isEmpty ? undefined : body, entriesOf(fields))
}

/** What is known of a response, if it is one of ours. */
export function factsOf(response: unknown): AnswerFacts | undefined {
  return SecuredResponse.factsOf(Object(response))
}
