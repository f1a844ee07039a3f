import type { GroupStore } from '../../../ports/group-store.ts'
import type { DynamoTable } from './dynamo-table.ts'
import { lazily } from './lazily.ts'

/** Groups in a DynamoDB table, loaded when somebody asks for one. */
export function lazyGroupStore(table: DynamoTable): GroupStore {
  return lazily(async () => (await import('./dynamo-group-store.ts')).dynamoGroupStore(table), {
    createGroup: 'one',
    readGroup: 'one',
    markGroup: 'one',
    winCheck: 'one',
    setTarget: 'one',
    putMember: 'one',
    renewLease: 'one',
    shortenLease: 'one',
    readMember: 'one',
    members: 'all',
    removeMember: 'one',
    putTargetChunk: 'one',
    readTargetChunk: 'one',
    removeOlderTargets: 'one',
    readClaim: 'one',
    claims: 'all',
    setOwner: 'one',
    commit: 'one',
    setPending: 'one',
    resolvePending: 'one',
    removeClaim: 'one',
    removeGroup: 'one',
    groups: 'all',
    changeClassic: 'one',
    putPart: 'one',
    readPart: 'one',
    parts: 'all',
    removeOlderParts: 'one',
  })
}
