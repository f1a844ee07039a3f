import type { MemberName } from '../../../contract/groups.ts'
import { GATEWAY_MEMBERS_MAX } from '../../../core/limits.ts'
import type { GatewayBroker } from '../context.ts'
import { type MemberRecord, recordOf } from './member-record.ts'

/** The members that a gateway knows: those that it has served last. Of others the store knows most. */
export class KnownMembers {
  readonly #records = new Map<string, MemberRecord>()

  get({ groupId, memberId }: MemberName): MemberRecord | undefined {
    return this.#records.get(nameOf(groupId, memberId))
  }

  /**
   * @param epoch that the member says it has: where it is later than what is known here, another gateway has served it since
   * @returns undefined: there is no such member
   */
  async find(broker: GatewayBroker, name: MemberName, epoch: number): Promise<MemberRecord | undefined> {
    const known = this.get(name)
    return known && known.memberEpoch >= epoch ? known : await this.ask(broker, name)
  }

  /** What the store knows of a member, whatever is known here. */
  async ask(broker: GatewayBroker, name: MemberName): Promise<MemberRecord | undefined> {
    const found = await broker.findMember(name)
    return found && recordOf(found)
  }

  set({ groupId, memberId }: MemberName, record: MemberRecord): void {
    const name = nameOf(groupId, memberId)
    // Last in the order in which they are forgotten.
    this.#records.delete(name)
    this.#records.set(name, record)
    if (this.#records.size > GATEWAY_MEMBERS_MAX) this.#records.delete(this.#records.keys().next().value!)
  }

  forget({ groupId, memberId }: MemberName): void {
    this.#records.delete(nameOf(groupId, memberId))
  }
}

const byBroker = new WeakMap<GatewayBroker, KnownMembers>()

/** Those of all gateways in front of one broker. */
export function knownMembers(broker: GatewayBroker): KnownMembers {
  const known = byBroker.get(broker) ?? new KnownMembers()
  byBroker.set(broker, known)
  return known
}

/** No id has a control character that could be stored. */
function nameOf(groupId: string, memberId: string): string {
  return `${groupId}\0${memberId}`
}
