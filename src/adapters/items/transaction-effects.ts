import type { Claim } from '../../core/group/group.ts'
import type { Head } from '../../core/log/head.ts'
import { claimKey, groupKey } from '../../core/storage-layout.ts'
import { decodeTransaction, encodeTransaction } from '../../core/transaction/transaction-bytes.ts'
import type { EffectsPut, TransactionStore } from '../../ports/transaction-store.ts'
import type { Decisions } from './decisions.ts'
import { type Changes, type Items, joinKey } from './items.ts'
import { type Heads, headKey, openHead } from './log-index.ts'
import { stateKey } from './transactions.ts'
import { TypedItems } from './typed-items.ts'

/** Transactions with all that they do elsewhere, in one step over sorted items. */
export function effectsOver(
  items: Items,
  { applyDecided, applyResolution }: Pick<Decisions, 'applyDecided' | 'applyResolution'>,
  heads: Heads,
): NonNullable<TransactionStore['putWithEffects']> {
  const transactions = new TypedItems(items, encodeTransaction, decodeTransaction)
  const claims = new TypedItems<Claim>(items)

  return async (transaction, expected, { appends, offsets }) => {
    const key = stateKey(transaction.transactionalId)
    const headKeys = appends.map(({ partition }) => headKey(partition))
    const claimKeys = offsets.map(place => joinKey(groupKey(place.groupId), claimKey(place)))
    const change = (standing: readonly (Uint8Array | undefined)[]): Changes<EffectsPut> => {
      const [bytes, ...others] = standing
      const found = bytes && transactions.meaning(bytes, key)
      if (found?.version !== expected) return { changes: [], answer: { kind: 'refused', transaction: found } }
      const after: Head[] = []
      for (const [place, { entries, seen, newcomers }] of appends.entries()) {
        const headBytes = others[place]
        const head = headBytes && openHead(heads.meaning(headBytes, headKeys[place]!))
        const appended = head && applyDecided(head, entries, seen, newcomers)
        if (!appended) return IN_STEPS
        after.push(appended)
      }
      const resolved: Claim[] = []
      for (const [place, { version, committed }] of offsets.entries()) {
        const claimBytes = others[appends.length + place]
        const claim = claimBytes && claims.meaning(claimBytes, claimKeys[place]!)
        const changed = applyResolution(claim, version, committed)
        if (!changed) return IN_STEPS
        resolved.push(changed)
      }
      const puts = [
        transactions.bytesOf(key, transaction),
        ...after.map((head, place) => heads.bytesOf(headKeys[place]!, head)),
        ...resolved.map((claim, place) => claims.bytesOf(claimKeys[place]!, claim)),
      ]
      return { changes: puts.map(put => ({ put })), answer: { kind: 'put', transaction, heads: after } }
    }
    return await items.updateAll([key, ...headKeys, ...claimKeys], change)
  }
}

const IN_STEPS: Changes<EffectsPut> = { changes: [], answer: { kind: 'in steps' } }
