import { MemoryPool } from '../../../src/core/lent-memory.ts'
import type { Context, GatewaySettings } from '../../../src/gateway/apis/context.ts'
import { HANDLERS } from '../../../src/gateway/apis/handlers.ts'
import { ListedTopics } from '../../../src/gateway/apis/topic-catalogue.ts'
import type { Api } from '../../../src/gateway/wire/api.ts'
import { Harness } from '../../broker/harness.ts'

const SETTINGS: GatewaySettings = {
  nodeId: 1,
  clusterId: 'b3JpZ2luYWwtY2x1c3Rlcg',
  advertised: { host: 'tide.example', port: 9092 },
  peers: [],
  autoCreate: undefined,
}

/** A gateway over a store in memory, without sockets: what a client would read is what its handlers answer. */
export class AskedGateway {
  readonly harness = new Harness()
  readonly broker = this.harness.open()
  readonly topics = new ListedTopics(this.broker, this.harness.clock)
  readonly ending = new AbortController()
  settings: GatewaySettings
  reserve: Context['reserve'] = async () => {}

  constructor(settings: Partial<GatewaySettings> = {}) {
    this.settings = { ...SETTINGS, ...settings }
  }

  /** Passes a request over the wire's codecs, in both directions. @returns undefined: there is no answer */
  begin<Written, Read>(
    api: Api<unknown, unknown, Written, Read>,
    version: number,
    request: Written,
  ): Promise<Read | undefined> {
    const handler = HANDLERS.find(handler => handler.api.key === api.key)
    if (!handler) throw new Error(`${api.name} is not offered`)
    const [lowest, highest] = handler.versions
    if (version < lowest || version > highest) throw new Error(`${api.name} ${version} is not offered`)
    const decoded = api.decodeRequest(version, joined(api.encodeRequest(version, request)))
    const answered = handler.answer(decoded, this.context(version))
    return answered.then(answer =>
      answer === undefined
        ? undefined
        : api.decodeResponse(version, joined(api.encodeResponse(version, answer))),
    )
  }

  async ask<Written, Read>(
    api: Api<unknown, unknown, Written, Read>,
    version: number,
    request: Written,
  ): Promise<Read> {
    const answer = await this.harness.run(this.begin(api, version, request))
    if (answer === undefined) throw new Error('there is no answer')
    return answer
  }

  async createTopic(topic: string, partitions = 1, configs: Record<string, string> = {}): Promise<string> {
    const { topicId } = await this.harness.run(this.broker.createTopic({ topic, partitions, configs }))
    this.topics.forget()
    return topicId
  }

  context(version: number): Context {
    return {
      broker: this.broker,
      settings: this.settings,
      topics: this.topics,
      clock: this.harness.clock,
      version,
      client: { clientId: 'test', host: '127.0.0.1', principal: 'ANONYMOUS' },
      signal: this.ending.signal,
      reserve: this.reserve,
      memory: new MemoryPool(0).lend(),
    }
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(chunks))
}
