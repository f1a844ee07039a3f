import { type AwsStore, type AwsStoreOptions, openAwsStore } from '../adapters/aws/aws-store.ts'
import { FETCH_POLL_PAID_INTERVAL_MS_MAX } from '../core/limits.ts'
import { type Embedded, type EmbeddedOptions, runBroker } from './running-broker.ts'
import { systemClock, systemEntropy } from './system.ts'

/**
 * Runs a broker in this process on a table of DynamoDB and a bucket of S3, which must be there. Several processes and
 * deployed functions may do so at the same time. Nothing is sent to AWS before the first request but what the broker
 * does in the background. Without a `locator` of the caller's it hands out presigned URLs.
 */
export function openAws(options: AwsStoreOptions & EmbeddedOptions): Embedded {
  return runOn(openAwsStore(options), options)
}

/**
 * The same where the table is lost, and an empty one is in its place, to make the index anew: the table is given what the bucket says.
 * @throws StoreFailed, NotApplied, OutcomeUnknown
 */
export async function openAwsToRebuild(options: AwsStoreOptions & EmbeddedOptions): Promise<Embedded> {
  const store = openAwsStore(options)
  try {
    await store.adoptStatement()
    return runOn(store, options)
  } catch (error) {
    store.close()
    throw error
  }
}

function runOn(store: AwsStore, options: AwsStoreOptions & EmbeddedOptions): Embedded {
  const { objects, index, topics, groups, triggers, upkeep, transactions, locator, format, close } = store
  const ports = {
    objects,
    index,
    topics,
    groups,
    triggers,
    upkeep,
    transactions,
    clock: systemClock,
    entropy: systemEntropy,
  }
  return runBroker(
    {
      ports,
      createdMs: async () => (await format.beforeReading())?.createdMs ?? null,
      storeId: async () => (await format.beforeWriting())?.storeId,
      close: async () => close(),
    },
    { locator, pollIntervalMsMax: FETCH_POLL_PAID_INTERVAL_MS_MAX, ...options },
    false,
  )
}
