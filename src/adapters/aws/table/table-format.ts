import { randomBytes } from 'node:crypto'
import { TOPICS_KEY } from '../../../core/storage-layout.ts'
import {
  agreeOnFormat,
  raiseFormat,
  STORE_FORMAT_VERSION,
  type StoreFormat,
} from '../../../core/store-format.ts'
import { StoreFailed } from '../../../ports/outcome.ts'
import { decodeFormatItem, encodeFormatItem, formatItemKey, isStillFormat } from '../items/format.ts'
import { decodeTopicItem } from '../items/topic.ts'
import type { StoreStatement } from '../store-statement.ts'
import type { Item } from './attributes.ts'
import { NO_ITEM, under } from './conditions.ts'
import type { Checked, DynamoTable, TableGate } from './dynamo-table.ts'

/**
 * What a table says of its store. It is asked once in a process, beside its first read, and nothing is written before it
 * has answered. Where it says nothing yet, or what an older version said, the first who writes, and may, has it say something.
 */
export class TableFormat implements TableGate, StoreStatement {
  readonly table: string
  readonly #items: DynamoTable
  readonly #states: boolean
  #reading: Promise<StoreFormat | undefined> | undefined
  #stating: Promise<StoreFormat | undefined> | undefined

  /**
   * @param items its table, without a gate
   * @param states whether it may be given a statement
   */
  constructor(items: DynamoTable, table: string, states: boolean) {
    this.#items = items
    this.table = table
    this.#states = states
  }

  /** @throws StoreFailed where it is of a newer Tidemark, or of none; NotApplied */
  beforeReading(): Promise<StoreFormat | undefined> {
    this.#reading ??= this.#read().catch(error => {
      // Asked again by the next: a person may have seen to it.
      this.#reading = undefined
      throw error
    })
    return this.#reading
  }

  /** @throws as beforeReading, and OutcomeUnknown */
  beforeWriting(): Promise<StoreFormat | undefined> {
    this.#stating ??= this.#state().catch(error => {
      this.#stating = undefined
      throw error
    })
    return this.#stating
  }

  /** @throws as beforeWriting */
  async adopt(format: StoreFormat): Promise<void> {
    const standing = await this.#items.get(formatItemKey())
    if (this.#formatIn(standing)?.storeId === format.storeId) return
    // What has topics is another store's, and is refused as such.
    if (standing && (await this.#hasTopics())) return
    const statement = encodeFormatItem(raiseFormat(format, STORE_FORMAT_VERSION) ?? format)
    this.#stated(await this.#items.put(statement, standing ? isStillFormat(standing) : NO_ITEM))
  }

  async #hasTopics(): Promise<boolean> {
    for await (const { state } of this.#items.list(under(TOPICS_KEY), decodeTopicItem)) {
      if (state === 'live') return true
    }
    return false
  }

  async #read(): Promise<StoreFormat | undefined> {
    return this.#formatIn(await this.#items.get(formatItemKey()))
  }

  async #state(): Promise<StoreFormat | undefined> {
    const found = await this.beforeReading()
    if (!this.#states || (found && !raiseFormat(found, STORE_FORMAT_VERSION))) return found
    return await (found ? this.#raise() : this.#begin())
  }

  /** Only over the one that was read: whoever was faster has raised it. */
  async #raise(): Promise<StoreFormat | undefined> {
    const standing = await this.#items.get(formatItemKey())
    const found = this.#formatIn(standing)
    const raised = found && raiseFormat(found, STORE_FORMAT_VERSION)
    if (!standing || !raised) return found
    return this.#stated(await this.#items.put(encodeFormatItem(raised), isStillFormat(standing)))
  }

  async #begin(): Promise<StoreFormat | undefined> {
    // A table with topics was there before tables said what they are.
    const topics = this.#items.list(under(TOPICS_KEY), topic => topic, { limit: 1, keysAnd: '' })
    const isNew = (await topics.next()).done === true
    const fresh = {
      version: STORE_FORMAT_VERSION,
      storeId: randomBytes(16).toString('hex'),
      createdMs: isNew ? Date.now() : null,
    }
    return this.#stated(await this.#items.put(encodeFormatItem(fresh), NO_ITEM))
  }

  #stated({ item }: Checked): StoreFormat | undefined {
    const stated = this.#formatIn(item)
    this.#reading = Promise.resolve(stated)
    return stated
  }

  #formatIn(item: Item | undefined): StoreFormat | undefined {
    const agreement = agreeOnFormat(
      { place: `the table "${this.table}"`, bytes: item && decodeFormatItem(item) },
      [],
    )
    if ('refusal' in agreement) throw new StoreFailed(agreement.refusal)
    return agreement.format
  }
}
