import type { GroupStore } from '../../../ports/group-store.ts'
import type { DynamoTable } from './dynamo-table.ts'

/**
 * Groups in a DynamoDB table, loaded when somebody asks for one: most functions never do, and what a function loads is paid
 * for with every cold start.
 */
export function lazyGroupStore(table: DynamoTable): GroupStore {
  let opened: Promise<GroupStore> | undefined
  const open = () => {
    opened ??= import('./dynamo-group-store.ts').then(({ dynamoGroupStore }) => dynamoGroupStore(table))
    return opened
  }
  const one =
    <Args extends unknown[], T>(pick: (store: GroupStore) => (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> =>
      await pick(await open())(...args)
  const all = <Args extends unknown[], T>(pick: (store: GroupStore) => (...args: Args) => AsyncIterable<T>) =>
    async function* (...args: Args): AsyncGenerator<T> {
      yield* pick(await open())(...args)
    }
  return {
    createGroup: one(store => store.createGroup),
    readGroup: one(store => store.readGroup),
    markGroup: one(store => store.markGroup),
    winCheck: one(store => store.winCheck),
    setTarget: one(store => store.setTarget),
    putMember: one(store => store.putMember),
    renewLease: one(store => store.renewLease),
    shortenLease: one(store => store.shortenLease),
    readMember: one(store => store.readMember),
    members: all(store => store.members),
    removeMember: one(store => store.removeMember),
    putTargetChunk: one(store => store.putTargetChunk),
    readTargetChunk: one(store => store.readTargetChunk),
    removeOlderTargets: one(store => store.removeOlderTargets),
    readClaim: one(store => store.readClaim),
    claims: all(store => store.claims),
    setOwner: one(store => store.setOwner),
    commit: one(store => store.commit),
    removeClaim: one(store => store.removeClaim),
    removeGroup: one(store => store.removeGroup),
    groups: all(store => store.groups),
    changeClassic: one(store => store.changeClassic),
    putPart: one(store => store.putPart),
    readPart: one(store => store.readPart),
    parts: all(store => store.parts),
    removeOlderParts: one(store => store.removeOlderParts),
  }
}
