import { createHash } from 'node:crypto'
import {
  ChangeMessageVisibilityCommand,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { AWS_ATTEMPTS_MAX, QUEUE_BATCH_MESSAGES_MAX } from '../../../core/limits.ts'
import { partitionKey } from '../../../core/topic/partition-id.ts'
import type { WakeUp } from '../../../core/trigger/trigger.ts'
import { NotApplied } from '../../../ports/outcome.ts'
import type { LanedWakeUp, WakeUps } from '../../../ports/wake-ups.ts'
import { asStoreError } from '../aws-failures.ts'
import { type AwsConnection, clientConfig } from '../connection.ts'
import { sendRepeated } from './repeated-send.ts'

/**
 * Wake-ups as messages of a FIFO queue. A trigger's lane is a message group, whose messages come one after the other:
 * while one is worked on, or waits for its next try, the others of its group stay where they are.
 */
export class SqsWakeUps implements WakeUps {
  readonly #client: SQSClient
  readonly #queueUrl: string
  readonly #timeoutMs: number | undefined

  /** Makes the client and sends nothing. */
  constructor(
    queueUrl: string,
    connection: AwsConnection = {},
    settings: { readonly timeoutMs?: number } = {},
  ) {
    // The SDK may repeat a request: the queue drops what it has seen.
    this.#client = new SQSClient({ ...clientConfig(connection), maxAttempts: AWS_ATTEMPTS_MAX })
    this.#queueUrl = queueUrl
    this.#timeoutMs = settings.timeoutMs
  }

  async wake(wakeUps: readonly LanedWakeUp[], occasion: string): Promise<void> {
    const messages = wakeUps.map((wakeUp, index) => toMessage(wakeUp, occasion, index))
    for (let start = 0; start < messages.length; start += QUEUE_BATCH_MESSAGES_MAX) {
      await this.#send(messages.slice(start, start + QUEUE_BATCH_MESSAGES_MAX))
    }
  }

  /**
   * Hides a message that was received, and the others of its lane, for so long from now on. Rounded up to seconds.
   * @throws NotApplied, OutcomeUnknown, StoreFailed; the last also where the message is no longer this receipt's
   */
  async hide(receipt: string, forMs: number): Promise<void> {
    const command = new ChangeMessageVisibilityCommand({
      QueueUrl: this.#queueUrl,
      ReceiptHandle: receipt,
      VisibilityTimeout: Math.ceil(forMs / 1_000),
    })
    try {
      await sendRepeated(options => this.#client.send(command, options), this.#timeoutMs)
    } catch (error) {
      throw this.#asStoreError(error, 'sqs:ChangeMessageVisibility')
    }
  }

  close(): void {
    this.#client.destroy()
  }

  async #send(Entries: SendMessageBatchRequestEntry[]): Promise<void> {
    const command = new SendMessageBatchCommand({ QueueUrl: this.#queueUrl, Entries })
    try {
      const send = (options: { abortSignal: AbortSignal }) => this.#client.send(command, options)
      const { Failed = [] } = await sendRepeated(send, this.#timeoutMs)
      if (Failed.length === 0) return
      // Whoever asked sends all of them again; those that went through are known by their deduplication ids.
      const { Code, Message } = Failed[0]!
      throw new NotApplied(
        `SQS did not take ${Failed.length} of ${Entries.length} wake-ups (${Code}: ${Message})`,
      )
    } catch (error) {
      throw this.#asStoreError(error, 'sqs:SendMessage')
    }
  }

  #asStoreError(error: unknown, action: string): unknown {
    return asStoreError(error, { action, resource: `the queue ${this.#queueUrl}`, effect: 'write' })
  }
}

export function encodeWakeUp({ triggerId, groupId, topic, partition }: WakeUp): string {
  const { topicId, partition: number } = partition
  return JSON.stringify({ triggerId, groupId, topic, topicId, partition: number })
}

function toMessage(wakeUp: LanedWakeUp, occasion: string, index: number): SendMessageBatchRequestEntry {
  const { triggerId, partition, lane } = wakeUp
  return {
    Id: `${index}`,
    MessageBody: encodeWakeUp(wakeUp),
    MessageGroupId: `${triggerId}#${lane}`,
    MessageDeduplicationId: createHash('sha256')
      .update(JSON.stringify([triggerId, partitionKey(partition), occasion]))
      .digest('hex'),
  }
}
