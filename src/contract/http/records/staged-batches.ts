import type { StagedBatches } from '../../transactions.ts'

/** As they stand in JSON: their bytes in base64. */
export interface StagedInJson extends Omit<StagedBatches, 'batches'> {
  batches: string
}

export function toStaged(batches: readonly StagedInJson[]): StagedBatches[] {
  return batches.map(each => ({ ...each, batches: Uint8Array.from(Buffer.from(each.batches, 'base64')) }))
}

export function fromStaged(batches: readonly StagedBatches[]): StagedInJson[] {
  return batches.map(each => {
    const { buffer, byteOffset, byteLength } = each.batches
    return { ...each, batches: Buffer.from(buffer, byteOffset, byteLength).toString('base64') }
  })
}
