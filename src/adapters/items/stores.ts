import type { Ports } from '../../ports/index.ts'
import type { OutboxStore } from '../../ports/outbox-store.ts'
import { DECISIONS, type Decisions } from './decisions.ts'
import { groupsOver } from './groups.ts'
import type { Items } from './items.ts'
import { headsOver, logIndexOver } from './log-index.ts'
import { outboxesOver } from './outboxes.ts'
import { topicsOver } from './topics.ts'
import { effectsOver } from './transaction-effects.ts'
import { transactionsOver } from './transactions.ts'
import { triggersOver } from './triggers.ts'
import { upkeepOver } from './upkeep.ts'

/** The ports that keep items. */
export interface ItemStores
  extends Pick<Ports, 'index' | 'topics' | 'groups' | 'triggers' | 'upkeep' | 'transactions'> {
  readonly outboxes: OutboxStore
}

/**
 * The log index, topics, groups, triggers, upkeep, transactions and outboxes over one key space.
 * @param takesEffects whether transactions are put with all that they do elsewhere, in one step; else one step after the other
 */
export function storesOver(items: Items, others: Partial<Decisions> = {}, takesEffects = false): ItemStores {
  const decisions = { ...DECISIONS, ...others }
  const heads = headsOver(items)
  return {
    index: logIndexOver(items, decisions, heads),
    topics: topicsOver(items),
    groups: groupsOver(items, decisions),
    triggers: triggersOver(items),
    upkeep: upkeepOver(items),
    transactions: {
      ...transactionsOver(items),
      ...(takesEffects && { putWithEffects: effectsOver(items, decisions, heads) }),
    },
    outboxes: outboxesOver(items),
  }
}
