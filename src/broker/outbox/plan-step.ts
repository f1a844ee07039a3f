import { copyBytes } from '../../core/bytes.ts'
import { RefusedRecords, TidemarkError } from '../../core/errors.ts'
import { OUTBOX_MOVE_BYTES_MAX, OUTBOX_MOVE_ITEMS_MAX, OUTBOX_MOVE_RECORDS_MAX } from '../../core/limits.ts'
import type { OutboxItem, Parking } from '../../core/outbox/outbox-item.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import { futureTime } from '../../ports/clock.ts'
import type { Ports } from '../../ports/index.ts'
import { checkRun } from '../producing/check-run.ts'
import { refuseKeyless } from '../producing/refused-records.ts'
import { readAll } from '../store-calls/read-all.ts'
import { retryUntil } from '../store-calls/retry.ts'
import type { Topic, TopicDirectory } from '../topics/topic-directory.ts'

/** What is to be decided next of the items of one outbox. */
export type Step =
  | { readonly kind: 'move'; readonly items: readonly OutboxItem[]; readonly records: number }
  | { readonly kind: 'park'; readonly items: readonly OutboxItem[]; readonly parking: Parking }
  /** The topic is on its way out, or its index on its way back: what becomes of it shows later. */
  | { readonly kind: 'wait' }

/**
 * What the first of these items can be done with, and those behind it that can share it. All that a log could refuse for is
 * looked at here, before it is decided: what is decided to be moved is appended without a further question, and so by every relay.
 * @param items in their order; at least one
 * @throws TidemarkError where the store does not tell
 */
export async function planStep(
  ports: Ports,
  directory: TopicDirectory,
  partition: PartitionId,
  items: readonly OutboxItem[],
  deadlineMs: number,
): Promise<Step> {
  const topic = await findTopic(ports, directory, partition, items[0]!.topic, deadlineMs)
  if (!topic) {
    const head = await retryUntil(ports, deadlineMs, 'no', () => ports.index.readHead(partition))
    if (head) return { kind: 'wait' }
    return { kind: 'park', items, parking: gone(items[0]!.topic) }
  }
  const movable: OutboxItem[] = []
  let bytes = 0
  let records = 0
  for (const item of items) {
    const checked = await check(item, topic, ports)
    if ('error' in checked) {
      if (movable.length > 0) break
      return { kind: 'park', items: [item], parking: checked }
    }
    bytes += item.batch.length
    records += checked.records
    const isFull = bytes > OUTBOX_MOVE_BYTES_MAX || records > OUTBOX_MOVE_RECORDS_MAX
    if (movable.length > 0 && (isFull || movable.length === OUTBOX_MOVE_ITEMS_MAX)) {
      records -= checked.records
      break
    }
    movable.push(item)
  }
  return { kind: 'move', items: movable, records }
}

/** What is said of items whose partition is gone, or never was. */
export function gone(topic: string): Parking {
  const reason =
    `The topic "${topic}" that this was written for was deleted, or is no topic of this broker. ` +
    'Send it to another one, if it is still wanted.'
  return { error: 'UNKNOWN_TOPIC_OR_PARTITION', reason }
}

/** The topic that has this id still, whatever it is called: its name says where to look first. */
export async function findTopic(
  ports: Ports,
  directory: TopicDirectory,
  { topicId, partition }: PartitionId,
  name: string,
  deadlineMs: number,
): Promise<Topic | undefined> {
  const isMeant = (topic: Topic | undefined) => topic?.topicId === topicId && partition < topic.partitions
  const known = directory.peek(name)
  if (isMeant(known)) return known
  const find = async () => (name === '' ? undefined : await directory.find(name))
  const found = await retryUntil(ports, deadlineMs, 'no', find)
  if (isMeant(found)) return found
  // Topics are not renamed. But applications write these names, and a wrong one must not hold up what is behind it.
  return (await readAll(ports, deadlineMs, () => directory.list())).find(isMeant)
}

async function check(
  { batch }: OutboxItem,
  topic: Topic,
  { clock }: Ports,
): Promise<{ readonly records: number } | Parking> {
  const nowMs = clock.nowMs()
  try {
    // A copy: a topic that stamps records writes into it.
    const run = checkRun(copyBytes(batch), topic.settings, nowMs, futureTime(clock)(nowMs))
    if (run.sequence || run.batches.length !== 1) return foreign()
    if (topic.settings.isCompacted) await refuseKeyless(batch, topic.name)
    return { records: run.records }
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    const advice = error instanceof RefusedRecords ? '' : ' Nothing of it is in the log.'
    return { error: error.kafkaName, reason: `${error.message}${advice}` }
  }
}

function foreign(): Parking {
  const reason = 'It is not one batch of no producer. Make the items of an outbox with the SDK, as it does.'
  return { error: 'INVALID_RECORD', reason }
}
