import { expect, test } from 'vitest'
import { shareDescriptors } from '../../src/core/descriptor-shares.ts'
import { CONNECTIONS_MAX, DESCRIPTORS_KEPT } from '../../src/core/limits.ts'

test('all shares together are no more than there is, and everybody has one', () => {
  for (const descriptors of [56, 64, 100, 256, 1_024, 4_096, 20_000, 1_048_576]) {
    const { files, folders, connections, spare } = shareDescriptors(descriptors)
    expect(DESCRIPTORS_KEPT + files + folders + connections + spare).toBeLessThanOrEqual(descriptors)
    expect(Math.min(files, folders, connections, spare)).toBeGreaterThan(2)
  }
})

test('where there are none, or no limit, there is still a share for each', () => {
  for (const descriptors of [0, Number.POSITIVE_INFINITY]) {
    const { files, folders, connections, spare } = shareDescriptors(descriptors)
    for (const share of [files, folders, connections, spare]) expect(Number.isSafeInteger(share)).toBe(true)
    expect(Math.min(files, folders, connections, spare)).toBeGreaterThan(2)
    expect(connections + spare).toBeLessThanOrEqual(CONNECTIONS_MAX)
  }
})
