import { type Command, LineProcess } from '../program.ts'

export type ToSend = readonly [partition: number, value: string]

export interface ReadValue {
  readonly partition: number
  readonly offset: number
  readonly value: string
}

/** A producer in a client's program. */
export interface TransactionalProducer {
  begin(): Promise<void>
  /** Answers when all are acknowledged, with what the client tells of their offsets. */
  send(topic: string, records: readonly ToSend[]): Promise<readonly (number | null)[]>
  sendOffset(group: string, topic: string, partition: number, offset: number): Promise<void>
  commit(): Promise<void>
  abort(): Promise<void>
}

/** A client's program that does transactions: producers, each with a transactional id, and one reader of what is committed. */
export class TransactionalProgram {
  readonly #process: LineProcess
  #opened = 0

  static async start(name: string, { command, args }: Command, bootstrap: string) {
    return new TransactionalProgram(new LineProcess(name, { command, args: [...args, bootstrap] }))
  }

  private constructor(process: LineProcess) {
    this.#process = process
  }

  async version(): Promise<string> {
    return (await this.#process.ask({ do: 'version' })) as string
  }

  /** A producer that has taken the transactional id over. */
  async open(id: string, timeoutMs: number): Promise<TransactionalProducer> {
    this.#opened += 1
    const as = String(this.#opened)
    const ask = (request: Record<string, unknown>) => this.#process.ask({ as, ...request })
    await ask({ do: 'open', id, timeoutMs })
    return {
      begin: async () => void (await ask({ do: 'begin' })),
      send: async (topic, records) => (await ask({ do: 'send', topic, records })) as (number | null)[],
      sendOffset: async (group, topic, partition, offset) =>
        void (await ask({ do: 'sendOffset', group, topic, partition, offset })),
      commit: async () => void (await ask({ do: 'commit' })),
      abort: async () => void (await ask({ do: 'abort' })),
    }
  }

  /** The reader reads these partitions from their beginning on. */
  async assign(topic: string, partitions: number): Promise<void> {
    await this.#process.ask({ do: 'assign', topic, partitions })
  }

  async poll(ms: number): Promise<ReadValue[]> {
    const read = (await this.#process.ask({ do: 'poll', ms })) as [number, number, string][]
    return read.map(([partition, offset, value]) => ({ partition, offset, value }))
  }

  async end(): Promise<void> {
    await this.#process.end()
  }

  /** As a machine that sleeps. */
  pause(): { resume(): void } {
    return this.#process.pause()
  }

  async kill(): Promise<void> {
    await this.#process.kill()
  }
}
