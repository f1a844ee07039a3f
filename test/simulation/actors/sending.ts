import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import type { Offset } from '../../../src/core/numbers.ts'
import { encodeBatch, type RecordInput } from '../../../src/core/record/index.ts'
import type { Place } from '../promises/log.ts'
import type { Running, World } from '../world.ts'

/** Above it a batch goes into an object of its own. */
const LARGE_VALUE = Buffer.alloc(5_000)
const SMALL_VALUE = Buffer.alloc(0)

/** A broker, and the process that it lives in. */
export type RunningBroker = Running & { readonly broker: LogBroker }

/** Where a batch stands in an idempotent producer's sequence. */
export interface Sequence {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
}

/** A batch of an idempotent producer. */
export interface SentBatch extends Place {
  readonly epoch: number
  readonly values: readonly string[]
  readonly batch: Uint8Array
}

function drawRecords(world: World, { topic }: Place): { values: string[]; records: RecordInput[] } {
  const values = Array.from({ length: world.random.integer(1, 3) }, () => world.drawValue())
  const content = world.random.pick([SMALL_VALUE, SMALL_VALUE, SMALL_VALUE, LARGE_VALUE])
  world.log.sent(topic, values)
  return {
    values,
    records: values.map(value => ({ key: Buffer.from(value), value: content })),
  }
}

/** Sends a batch of new records once; tells their offset, if that becomes known. */
export async function produceOnce(
  world: World,
  who: string,
  { broker, process }: RunningBroker,
  place: Place,
  producer?: Sequence,
): Promise<Offset | undefined> {
  const { values, records } = drawRecords(world, place)
  const batches = encodeBatch(records, { nowMs: world.recordTimeMs, ...producer })
  const { moment } = world.log
  const what = `${values} to ${place.topic}/${place.partition}`
  try {
    const result = await Promise.race([broker.produce({ ...place, batches }), process.died])
    world.history.note(who, `${what}: ${result ? `at ${result.baseOffset}` : 'died'}`)
    if (result) world.log.acknowledge(place, moment, result.baseOffset, values)
    else world.log.settled(values, 'unknown')
    return result?.baseOffset
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    world.history.note(who, `${what}: ${error.kafkaName}, written: ${error.written}`)
    if (error.written === 'yes')
      throw new Error(`an error says that its records are written: ${error.message}`)
    world.log.settled(values, error.written)
    return undefined
  }
}

export function numberedBatch(world: World, place: Place, producer: Sequence): SentBatch {
  const { values, records } = drawRecords(world, place)
  const batch = encodeBatch(records, { ...producer, nowMs: world.recordTimeMs })
  return { ...place, epoch: producer.producerEpoch, values, batch }
}

/** Sends batches until all are acknowledged, or so many times; tells which are not. */
export async function sendAll(
  world: World,
  who: string,
  batches: readonly SentBatch[],
  sendingsMax: number,
): Promise<readonly SentBatch[]> {
  let waiting = batches
  for (let sendings = 0; waiting.length > 0 && sendings < sendingsMax; sendings += 1) {
    const running = world.pickBroker()
    const isDone = await Promise.all(waiting.map(sent => sendOnce(world, who, running, sent)))
    waiting = waiting.filter((_, index) => !isDone[index])
    await world.clock.sleep(world.random.integer(1, world.random.pick([200, 200, 200, 4_000])))
  }
  return waiting
}

/** Tells whether it is acknowledged. */
export async function sendOnce(
  world: World,
  who: string,
  { broker, process }: RunningBroker,
  { topic, partition, values, batch }: SentBatch,
  checkError: (error: TidemarkError) => void = checkFirstSending,
): Promise<boolean> {
  // The bytes are the broker's once it has them, so each sending needs its own.
  const batches = Uint8Array.from(batch)
  const { moment } = world.log
  const what = `${values} to ${topic}/${partition} in its turn`
  try {
    const result = await Promise.race([broker.produce({ topic, partition, batches }), process.died])
    world.history.note(who, `${what}: ${result ? `at ${result.baseOffset}` : 'died'}`)
    if (result) world.log.acknowledge({ topic, partition }, moment, result.baseOffset, values)
    return result !== undefined
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    world.history.note(who, `${what}: ${error.kafkaName}`)
    checkError(error)
    return false
  }
}

function checkFirstSending(error: TidemarkError): void {
  // What comes after a batch that did not get there is out of order until that one has been sent again.
  const isExpected = error.retriable || error.kafkaName === 'OUT_OF_ORDER_SEQUENCE_NUMBER'
  if (!isExpected) throw error
}
