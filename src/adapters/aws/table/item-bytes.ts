import type { AttributeValue } from '@aws-sdk/client-dynamodb'

/**
 * How large DynamoDB takes an item to be, in bytes: names and texts in UTF-8, numbers by their digits, lists and maps
 * with a few bytes of their own.
 */
export function itemBytes(item: Readonly<Record<string, AttributeValue>>): number {
  return Object.entries(item).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + valueBytes(value),
    0,
  )
}

function valueBytes({ S, N, B, L, M }: AttributeValue): number {
  if (S !== undefined) return Buffer.byteLength(S)
  if (N !== undefined) return Math.ceil(N.length / 2) + 1
  if (B !== undefined) return B.length
  if (L !== undefined) return L.reduce((sum, value) => sum + 1 + valueBytes(value), 3)
  if (M !== undefined) return 3 + Object.keys(M).length + itemBytes(M)
  throw new RangeError('no item of ours has an attribute of this type')
}
