import type { ClassicGroupBroker } from '../../../contract/classic-groups.ts'
import type { JoinSettings } from '../../../core/group/classic/join.ts'
import type { Ports } from '../../../ports/index.ts'
import type { TopicDirectory } from '../../topics/topic-directory.ts'
import { findMember } from '../find-member.ts'
import { LeaseWatch } from '../lease-watch.ts'
import { ClassicRoom } from './classic-room.ts'
import { commitClassic } from './commit-classic.ts'
import { deleteOffsets } from './delete-offsets.ts'
import { describeClassic } from './describe-classic.ts'
import { heartbeatClassic, leaveClassic } from './heartbeat-classic.ts'
import { joinClassic } from './join-classic.ts'
import { syncClassic } from './sync-classic.ts'

/** Groups of Kafka's classic protocol, as one process serves them. */
export class ClassicGroups implements ClassicGroupBroker {
  readonly #room: ClassicRoom

  constructor(
    ports: Ports,
    directory: TopicDirectory,
    settings: JoinSettings,
    leases: LeaseWatch = new LeaseWatch(ports.clock),
  ) {
    this.#room = new ClassicRoom(ports, directory, leases, settings)
  }

  joinGroup: ClassicGroupBroker['joinGroup'] = (request, call) =>
    joinClassic(this.#room, request, call?.signal)

  syncGroup: ClassicGroupBroker['syncGroup'] = (request, call) =>
    syncClassic(this.#room, request, call?.signal)

  heartbeatClassic: ClassicGroupBroker['heartbeatClassic'] = request => heartbeatClassic(this.#room, request)

  leaveClassic: ClassicGroupBroker['leaveClassic'] = request => leaveClassic(this.#room, request)

  commitClassic: ClassicGroupBroker['commitClassic'] = request => commitClassic(this.#room, request)

  describeClassic: ClassicGroupBroker['describeClassic'] = groupId =>
    describeClassic(this.#room.call(groupId))

  deleteOffsets: ClassicGroupBroker['deleteOffsets'] = request =>
    deleteOffsets(this.#room.call(request.groupId), request)

  findMember: ClassicGroupBroker['findMember'] = name => findMember(this.#room.call(name.groupId), name)

  /** Whoever waits is told to look for another broker. */
  close(): void {
    this.#room.ending.abort()
  }
}
