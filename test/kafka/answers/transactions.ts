import {
  ATTRIBUTES_AT,
  CRC_AT,
  TRANSACTIONAL_BIT,
  writeInt32,
} from '../../../src/core/record/batch-layout.ts'
import { batchChecksum } from '../../../src/core/record/checksum.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { AddOffsetsToTxn } from '../../../src/gateway/wire/messages/add-offsets-to-txn.ts'
import { AddPartitionsToTxn } from '../../../src/gateway/wire/messages/add-partitions-to-txn.ts'
import { CreateTopics } from '../../../src/gateway/wire/messages/create-topics.ts'
import { DescribeTransactions } from '../../../src/gateway/wire/messages/describe-transactions.ts'
import { EndTxn } from '../../../src/gateway/wire/messages/end-txn.ts'
import { FindCoordinator } from '../../../src/gateway/wire/messages/find-coordinator.ts'
import { InitProducerId } from '../../../src/gateway/wire/messages/init-producer-id.ts'
import { ListTransactions } from '../../../src/gateway/wire/messages/list-transactions.ts'
import { OffsetFetch } from '../../../src/gateway/wire/messages/offset-fetch.ts'
import { Produce } from '../../../src/gateway/wire/messages/produce.ts'
import { TxnOffsetCommit } from '../../../src/gateway/wire/messages/txn-offset-commit.ts'
import { NO_UUID } from '../../../src/gateway/wire/schema.ts'
import type { Asking, Scene } from './scene.ts'
import { settled } from './settled.ts'

interface Producer {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
}

/** Answers that only say: ask again. */
const NOT_YET = [14, 15, 16, 51]

/** Transactions of one producer after the other, by requests as clients of before Kafka 4.0 send them. */
export const transactions: Scene = async (ask, prefix) => {
  const scene = new Transactions(ask, prefix)
  await scene.begin()
  await scene.refuse()
  await scene.decide()
  await scene.fence()
  await scene.commitOffsets()
  await scene.list()
}

class Transactions {
  readonly #ask: Asking
  readonly #prefix: string
  readonly #topic: string
  readonly #sequences = new Map<string, number>()

  constructor(ask: Asking, prefix: string) {
    this.#ask = ask
    this.#prefix = prefix
    this.#topic = `${prefix}tides`
  }

  async begin(): Promise<void> {
    const topics = [{ name: this.#topic, numPartitions: 3, replicationFactor: 1 }]
    await this.#ask('create', CreateTopics, 4, { topics, timeoutMs: 5_000 })
    for (const keys of [[`${this.#prefix}a`], ['']]) {
      const asked = { key: '', keyType: 1, coordinatorKeys: keys }
      const label = `coordinator of ${keys[0] === '' ? 'nothing' : 'one'}`
      await this.#ask(label, FindCoordinator, 4, asked, ({ coordinators }) =>
        coordinators.some(({ errorCode }) => NOT_YET.includes(errorCode)),
      )
    }
    const group = { key: '', keyType: 0, coordinatorKeys: [`${this.#prefix}g`] }
    await this.#ask('coordinator of the group', FindCoordinator, 4, group, ({ coordinators }) =>
      coordinators.some(({ errorCode }) => NOT_YET.includes(errorCode)),
    )
    await settled()
  }

  async refuse(): Promise<void> {
    for (const [label, more] of Object.entries({
      'an empty id': { transactionalId: '' },
      'no time': { transactionTimeoutMs: 0 },
      'too much time': { transactionTimeoutMs: 900_001 },
      'a producer and no epoch': { producerId: 7, producerEpoch: -1 },
      'an epoch and no producer': { producerId: -1, producerEpoch: 7 },
      'a producer that nobody knows': { producerId: 7, producerEpoch: 0 },
    })) {
      await this.#init(`with ${label}`, 'refused', more)
    }
    const nobody = { transactionalId: `${this.#prefix}nobody`, producerId: 77, producerEpoch: 0 }
    for (const version of [0, 3]) await this.#addPartitions(`of nobody ${version}`, nobody, [0], version)
    for (const version of [0, 4]) {
      await this.#addOffsets(`of nobody ${version}`, nobody, version)
      await this.#end(`of nobody ${version}`, nobody, true, version)
    }
    await this.#produce('of nobody', nobody, 0)
    await this.#commitOffset('of nobody', nobody)
    const nameless = { ...nobody, transactionalId: '' }
    await this.#addPartitions('of no id', nameless, [0])
    await this.#addOffsets('of no id', nameless)
    await this.#end('of no id', nameless, true)
  }

  async decide(): Promise<void> {
    const producer = await this.#init('anew', 'a')
    if (!producer) return
    const other = { ...producer, producerId: producer.producerId + 1_000 }
    const newer = { ...producer, producerEpoch: producer.producerEpoch + 1 }
    await this.#describe('an empty one', ['a', 'nobody', ''])
    await this.#end('nothing', producer, true)
    await this.#end('nothing, the other way', producer, false)
    await this.#addPartitions('with one that there is not', producer, [0, 9])
    await this.#addPartitions('of another producer', other, [0])
    await this.#addPartitions('of a newer epoch', newer, [0])
    await this.#addPartitions('of none', producer, [])
    await this.#produce('to what is not added', producer, 0)
    for (const version of [8, 9, 10])
      await this.#produce(`to what is not added ${version}`, producer, 0, { version })
    await this.#addPartitions('of two', producer, [0, 1])
    await this.#addPartitions('of two again', producer, [0, 1], 0)
    await this.#produce('to what is added', producer, 0)
    await this.#produce('to the other one', producer, 1)
    await this.#produce('with a gap', producer, 0, { sequence: 40 })
    await this.#produce('of another producer', other, 0)
    await this.#produce('of a newer epoch', newer, 0)
    await this.#produce('without an id', producer, 0, { transactionalId: null })
    await this.#produce('that is of no transaction', producer, 0, { isTransactional: false })
    await this.#describe('an open one', ['a'])
    await this.#end('by another producer', other, true)
    await this.#end('by a newer epoch', newer, true)
    await this.#end('with a commit', producer, true)
    await this.#end('with a commit, again', producer, true)
    await this.#end('with an abort, after a commit', producer, false)
    await this.#describe('a committed one', ['a'])
    await this.#produce('after the end', producer, 0)
    await this.#addPartitions('of one, later', producer, [0])
    await this.#produce('later', producer, 0)
    await this.#end('with an abort', producer, false)
    await this.#end('with an abort, again', producer, false)
    await this.#end('with a commit, after an abort', producer, true)
    await this.#describe('an aborted one', ['a'])
  }

  async fence(): Promise<void> {
    const first = await this.#init('the first', 'f')
    if (!first) return
    await this.#addPartitions('of the first', first, [0])
    await this.#produce('of the first', first, 0)
    const second = await this.#init('the second', 'f')
    if (!second) return
    for (const version of [0, 1, 2, 3])
      await this.#addPartitions(`of a fenced one ${version}`, first, [0], version)
    for (const version of [0, 1, 2, 4]) {
      await this.#end(`of a fenced one ${version}`, first, true, version)
      await this.#addOffsets(`of a fenced one ${version}`, first, version)
    }
    await this.#produce('of a fenced one', first, 0)
    await this.#commitOffset('of a fenced one', first)
    for (const version of [3, 4]) {
      const { producerId, producerEpoch } = first
      await this.#init(`of a fenced one ${version}`, 'f', { producerId, producerEpoch }, version)
    }
    const { producerId, producerEpoch } = second
    await this.#init('to go on', 'f', { producerId, producerEpoch })
    await this.#init('of another producer', 'f', { producerId: producerId + 1_000, producerEpoch: 0 })
  }

  async commitOffsets(): Promise<void> {
    const producer = await this.#init('with offsets', 'o')
    if (!producer) return
    await this.#commitOffset('before it is added', producer)
    await this.#addOffsets('of a group', producer)
    await this.#addOffsets('of no group', producer, 3, '')
    await this.#commitOffset('of a group', producer)
    await this.#commitOffset('of a group, in an older version', producer, { version: 1 })
    await this.#commitOffset('to no partition', producer, { partition: 9 })
    await this.#commitOffset('of a member that there is not', producer, { memberId: 'nobody', generation: 3 })
    await this.#commitOffset('of a generation that there is not', producer, { generation: 3 })
    const none = { memberId: 'nobody', generation: 3, group: 'without' }
    await this.#addOffsets('of no group yet', producer, 3, 'without')
    await this.#commitOffset('of a member of no group', producer, none)
    await this.#commitOffset('of a member of no group, in an older version', producer, {
      ...none,
      version: 3,
    })
    await this.#commitOffset('with long metadata', producer, { metadata: 'x'.repeat(4_097) })
    await this.#fetchOffset('that may change', true, isNotYet)
    await this.#fetchOffset('that may change, whatever it is', false, isNotYet)
    await this.#end('with offsets', producer, true)
    await this.#fetchOffset('that are committed', true, isUnstable)
    await this.#addOffsets('that are aborted', producer)
    await this.#commitOffset('that are aborted', producer, { offset: 99 })
    await this.#end('with aborted offsets', producer, false)
    await this.#fetchOffset('after an abort', true, isUnstable)
  }

  async list(): Promise<void> {
    const open = await this.#init('to be listed', 'l')
    if (!open) return
    await this.#addPartitions('to be listed', open, [2])
    for (const [label, more] of Object.entries({
      all: {},
      'of a state': { stateFilters: ['Ongoing'] },
      'of states, of which one is none': { stateFilters: ['Ongoing', 'Sideways'] },
      'of no producer': { producerIdFilters: [123_456_789] },
      'of one producer': { producerIdFilters: [open.producerId] },
      'that take long': { durationFilter: 3_600_000 },
      'by a pattern': { transactionalIdPattern: `${this.#prefix}[lo]` },
      'by a pattern of a part': { transactionalIdPattern: this.#prefix },
      'by no pattern': { transactionalIdPattern: '[' },
      'by an empty pattern': { transactionalIdPattern: '' },
    })) {
      await this.#ask(`list ${label}`, ListTransactions, 2, {
        stateFilters: [],
        producerIdFilters: [],
        ...more,
      })
    }
    await this.#end('what was listed', open, false)
  }

  async #init(label: string, name: string, more: object = {}, version = 4): Promise<Producer | undefined> {
    const transactionalId = `${this.#prefix}${name}`
    const request = { transactionalId, transactionTimeoutMs: 60_000, ...more }
    const answer = await this.#ask(`init ${label}`, InitProducerId, version, request, isPassing)
    if (answer === undefined || answer.errorCode !== 0) return undefined
    return { transactionalId, producerId: answer.producerId, producerEpoch: answer.producerEpoch }
  }

  async #addPartitions(label: string, producer: Producer, partitions: readonly number[], version = 3) {
    await this.#ask(
      `add partitions ${label}`,
      AddPartitionsToTxn,
      version,
      {
        transactions: [],
        v3AndBelowTransactionalId: producer.transactionalId,
        v3AndBelowProducerId: producer.producerId,
        v3AndBelowProducerEpoch: producer.producerEpoch,
        v3AndBelowTopics: partitions.length === 0 ? [] : [{ name: this.#topic, partitions: [...partitions] }],
      },
      ({ resultsByTopicV3AndBelow }) =>
        resultsByTopicV3AndBelow.some(({ resultsByPartition }) =>
          resultsByPartition.some(({ partitionErrorCode }) => NOT_YET.includes(partitionErrorCode)),
        ),
    )
  }

  async #addOffsets(label: string, producer: Producer, version = 3, group = 'g'): Promise<void> {
    const groupId = group && `${this.#prefix}${group}`
    await this.#ask(`add offsets ${label}`, AddOffsetsToTxn, version, { ...producer, groupId }, isPassing)
  }

  async #end(label: string, producer: Producer, committed: boolean, version = 3): Promise<void> {
    await this.#ask(`end ${label}`, EndTxn, version, { ...producer, committed }, isPassing)
  }

  async #produce(
    label: string,
    { transactionalId, producerId, producerEpoch }: Producer,
    index: number,
    more: { version?: number; sequence?: number; transactionalId?: null; isTransactional?: boolean } = {},
  ): Promise<void> {
    const { version = 11, isTransactional = true } = more
    const place = `${producerId}/${producerEpoch}/${index}`
    const baseSequence = more.sequence ?? this.#sequences.get(place) ?? 0
    const records = [{ value: Buffer.from('a value'), timestampMs: Date.now() }]
    const plain = encodeBatch(records, { producerId: BigInt(producerId), producerEpoch, baseSequence })
    const request = {
      transactionalId: more.transactionalId === null ? null : transactionalId,
      acks: -1,
      timeoutMs: 1_000,
      topicData: [
        {
          name: this.#topic,
          topicId: NO_UUID,
          partitionData: [{ index, records: isTransactional ? transactional(plain) : new Uint8Array(plain) }],
        },
      ],
    }
    const answer = await this.#ask(`produce ${label}`, Produce, version, request)
    const errorCode = answer?.responses[0]?.partitionResponses[0]?.errorCode
    if (errorCode === 0) this.#sequences.set(place, baseSequence + 1)
  }

  async #commitOffset(
    label: string,
    producer: Producer,
    more: {
      version?: number
      partition?: number
      offset?: number
      memberId?: string
      generation?: number
      metadata?: string
      group?: string
    } = {},
  ): Promise<void> {
    const { version = 4, partition: partitionIndex = 0, offset: committedOffset = 7 } = more
    const {
      memberId = '',
      generation: generationIdOrMemberEpoch = -1,
      metadata: committedMetadata = 'm',
    } = more
    const partitions = [{ partitionIndex, committedOffset, committedLeaderEpoch: 0, committedMetadata }]
    const topics = [{ name: this.#topic, topicId: NO_UUID, partitions }]
    const groupId = `${this.#prefix}${more.group ?? 'g'}`
    const request = { ...producer, groupId, memberId, generationIdOrMemberEpoch, topics }
    await this.#ask(`commit offset ${label}`, TxnOffsetCommit, version, request, ({ topics }) =>
      topics.some(({ partitions }) => partitions.some(({ errorCode }) => NOT_YET.includes(errorCode))),
    )
  }

  async #fetchOffset(label: string, requireStable: boolean, isUnstable = (_errorCode: number) => false) {
    const partitionIndexes = [0]
    for (const version of [7, 8]) {
      const topics = [{ name: this.#topic, topicId: NO_UUID, partitionIndexes }]
      const groupId = `${this.#prefix}g`
      const request = { groupId, topics, groups: [{ groupId, topics }], requireStable }
      await this.#ask(
        `fetch offset ${label} ${version}`,
        OffsetFetch,
        version,
        request,
        ({ topics, groups }) =>
          [...topics, ...groups.flatMap(({ topics }) => topics)].some(({ partitions }) =>
            partitions.some(({ errorCode }) => isUnstable(errorCode)),
          ),
      )
    }
  }

  async #describe(label: string, names: readonly string[]): Promise<void> {
    const transactionalIds = names.map(name => name && `${this.#prefix}${name}`)
    await this.#ask(
      `describe ${label}`,
      DescribeTransactions,
      0,
      { transactionalIds },
      ({ transactionStates }) =>
        transactionStates.some(({ transactionState }) => transactionState.startsWith('Prepare')),
    )
  }
}

const isUnstable = (errorCode: number) => errorCode === 88 || NOT_YET.includes(errorCode)
const isNotYet = (errorCode: number) => NOT_YET.includes(errorCode)
const isPassing = ({ errorCode }: { errorCode: number }) => NOT_YET.includes(errorCode)

/** The batch as one of a transaction. */
function transactional(plain: Uint8Array): Uint8Array {
  const batch = new Uint8Array(plain)
  batch[ATTRIBUTES_AT + 1]! |= TRANSACTIONAL_BIT
  writeInt32(batch, CRC_AT, batchChecksum(batch, 0, batch.length))
  return batch
}
