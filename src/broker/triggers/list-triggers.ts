import type { Trigger } from '../../core/trigger/trigger.ts'
import type { GroupCall } from '../groups/group-call.ts'

/** Every trigger, in the order of their groups' and topics' UTF-8 bytes: keys sort a bit differently. */
export async function listTriggers(call: GroupCall): Promise<Trigger[]> {
  const triggers = await call.readAll(() => call.ports.triggers.triggers())
  return triggers.sort((one, other) => compare(one.groupId, other.groupId) || compare(one.topic, other.topic))
}

function compare(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}
