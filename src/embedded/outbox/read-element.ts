import { TidemarkError } from '../../core/errors.ts'
import type { OutboxItem } from '../../core/outbox/outbox-item.ts'
import { KEY_ATTRIBUTES } from '../../core/storage-layout.ts'
import { OUTBOX_ATTRIBUTES, parseOutboxKey } from '../../core/storage-outbox.ts'
import type { PlacedOutboxItem } from '../../ports/outbox-store.ts'

/** What an Outbox makes, of whichever form. */
export interface OutboxPutElement {
  readonly Put: { readonly Item: Readonly<Record<string, unknown>> }
}

/** The item that an element puts. @throws TidemarkError INVALID_REQUEST where it is none that an Outbox has made */
export function readElement({ Put }: OutboxPutElement): PlacedOutboxItem {
  const valueIn = (name: string): unknown => {
    const value = Put?.Item?.[name]
    const isTyped = typeof value === 'object' && value !== null && !(value instanceof Uint8Array)
    // The client's form has the type beside each value.
    return isTyped ? Object.values(value)[0] : value
  }
  const partitionKey = valueIn(KEY_ATTRIBUTES.partition)
  const key = valueIn(KEY_ATTRIBUTES.sort)
  const topic = valueIn(OUTBOX_ATTRIBUTES.topic)
  const batch = valueIn(OUTBOX_ATTRIBUTES.batch)
  const createdMs = Number(valueIn(OUTBOX_ATTRIBUTES.createdMs))
  const isItem =
    typeof partitionKey === 'string' &&
    typeof key === 'string' &&
    typeof topic === 'string' &&
    batch instanceof Uint8Array &&
    Number.isSafeInteger(createdMs)
  if (!isItem) throw noElement()
  const item: OutboxItem = { key, topic, batch, createdMs }
  try {
    return { partition: parseOutboxKey(partitionKey), item }
  } catch (error) {
    throw error instanceof RangeError ? noElement() : error
  }
}

function noElement(): TidemarkError {
  return new TidemarkError(
    'INVALID_REQUEST',
    'This is no element that an outbox has made: give those of `item` or `documentItem`, and do your own writes beside them.',
  )
}
