import type { KafkaClient, Member } from '../client.ts'
import type { Load } from './load.ts'

export const SHARED = 'shared'
export const SHARED_PARTITIONS = 6
const MEMBERS = 3
const LEAVE_RATIO = 0.5
/** How long members have for what is left when nobody writes any more. */
const CATCH_UP_MS_MAX = 120_000

/** Values that no other record has, a few a second. */
export async function writeShared(load: Load, client: KafkaClient, written: string[]): Promise<void> {
  await load.repeat(250, async () => {
    const values = [String(written.length), String(written.length + 1)]
    await client.produce(
      SHARED,
      values.map(value => ({
        partition: load.below(SHARED_PARTITIONS),
        key: null,
        value: Buffer.from(value),
        headers: [],
        timestampMs: Date.now(),
      })),
    )
    written.push(...values)
  })
}

/** A group whose members come, leave and are killed all the while. */
export class RestlessGroup {
  readonly name: string
  readonly #protocol: 'classic' | 'consumer'
  readonly #client: KafkaClient
  readonly #members: Member[] = []
  /** Of those that are gone. */
  readonly #read = new Set<string>()

  constructor(protocol: 'classic' | 'consumer', client: KafkaClient) {
    this.name = `restless-${protocol}`
    this.#protocol = protocol
    this.#client = client
  }

  async run(load: Load, changeMs: number): Promise<void> {
    for (let nth = 0; nth < MEMBERS; nth++) await this.#join()
    await load.repeat(changeMs, async () => {
      await load.pause(changeMs * load.random())
      if (load.isEnding) return
      const [gone] = this.#members.splice(load.below(this.#members.length), 1)
      await (load.random() < LEAVE_RATIO ? gone!.leave() : gone!.kill())
      this.#keep(gone!)
      await this.#join()
      load.count(`changes of ${this.#protocol}`)
    })
  }

  /** What nobody of the group has read, after its members have had the time for it. */
  async missing(written: readonly string[]): Promise<string[]> {
    const sinceMs = performance.now()
    for (;;) {
      for (const member of this.#members) this.#keep(member)
      const missing = written.filter(value => !this.#read.has(value))
      if (missing.length === 0 || performance.now() > sinceMs + CATCH_UP_MS_MAX) return missing
      await new Promise(resolve => setTimeout(resolve, 200))
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#members.splice(0).map(member => member.leave()))
  }

  async #join(): Promise<void> {
    this.#members.push(await this.#client.join(this.name, SHARED, this.#protocol))
  }

  #keep({ values }: Member): void {
    for (const value of values) this.#read.add(value)
  }
}

/** Topics that are made, written to and deleted. */
export async function replaceTopics(load: Load, client: KafkaClient): Promise<void> {
  let made = 0
  await load.repeat(5_000, async () => {
    const topic = `short-lived-${made++}`
    await client.admin.createTopic(topic, 3, {})
    const record = { partition: 0, key: null, value: Buffer.from('a'), headers: [], timestampMs: Date.now() }
    await client.produce(topic, [record])
    await client.admin.deleteTopic(topic)
    load.count('topics')
  })
}

/** Groups of one member, that nobody ever joins again; a group is used once, and then deleted or left. */
export async function joinOnce(load: Load, client: KafkaClient): Promise<void> {
  let used = 0
  await load.repeat(5_000, async () => {
    const group = `once-${used++}`
    const member = await client.join(group, SHARED, 'classic')
    await load.pause(3_000)
    // One that had no time to join has left no group.
    const hasJoined = member.partitions.length > 0
    await member.leave()
    if (hasJoined && load.random() < 0.5) await client.admin.deleteGroup(group)
    load.count('groups')
  })
}
