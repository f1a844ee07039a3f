import type { StagedPartition } from '../../core/transaction/transaction.ts'
import type { Ports } from '../../ports/index.ts'
import type { ReferredObjects } from './referred-objects.ts'

/** What transactions have staged that no log names yet. Before the logs are looked at: what is committed meanwhile is found there. */
export async function noteStaged({ transactions }: Ports, referred: ReferredObjects): Promise<void> {
  for await (const transactionalId of transactions.registered()) {
    const transaction = await transactions.read(transactionalId)
    if (!transaction) continue
    note(transaction.partitions, referred)
    for (const { id } of transaction.chunks) {
      const chunk = await transactions.readChunk(transactionalId, { number: transaction.number, id })
      if (chunk) note(chunk.partitions, referred)
    }
  }
}

function note(partitions: readonly StagedPartition[], referred: ReferredObjects): void {
  for (const { runs } of partitions) {
    for (const { place } of runs) if (place.kind === 'object') referred.add(place.object)
  }
}
