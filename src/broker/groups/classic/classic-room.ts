import { TidemarkError } from '../../../core/errors.ts'
import type { ClassicGroup } from '../../../core/group/classic/classic-group.ts'
import type { JoinSettings } from '../../../core/group/classic/join.ts'
import type { Group } from '../../../core/group/group.ts'
import type { Ports } from '../../../ports/index.ts'
import type { TopicDirectory } from '../../topics/topic-directory.ts'
import { GroupCall, readGroup } from '../group-call.ts'
import type { LeaseWatch } from '../lease-watch.ts'
import { GroupWatch } from './group-watch.ts'

/** What the classic groups of one process share. */
export class ClassicRoom {
  readonly ports: Ports
  readonly settings: JoinSettings
  readonly watch: GroupWatch
  /** The process is about to end: whoever waits is told to find another. */
  readonly ending = new AbortController()
  readonly #directory: TopicDirectory
  readonly #leases: LeaseWatch

  constructor(ports: Ports, directory: TopicDirectory, leases: LeaseWatch, settings: JoinSettings) {
    this.ports = ports
    this.settings = settings
    this.#directory = directory
    this.#leases = leases
    this.watch = new GroupWatch(ports.clock, groupId => readGroup(this.call(groupId)))
  }

  /** For one step: who waits for others takes longer than a call insists. */
  call(groupId: string): GroupCall {
    return new GroupCall(this.ports, this.#directory, groupId, this.#leases)
  }

  /**
   * Makes the next one of a group's classic state, or the first; null: it is none any more. Undefined: somebody else has
   * changed it since it was read.
   */
  async change(call: GroupCall, group: Group, next: ClassicGroup | null): Promise<Group | undefined> {
    const version = this.ports.entropy.id()
    const wanted = next && { ...next, version }
    const expected = group.classic ? { version: group.classic.version } : { marks: group.marks }
    const changed = await call.write(async isUnsure => {
      const { held, group: standing } = await call.groups.changeClassic(call.groupId, expected, wanted)
      // An earlier try of unknown outcome has done it.
      const isMine =
        isUnsure && (wanted ? standing?.classic?.version === version : standing?.classic === undefined)
      return held || isMine ? standing : undefined
    })
    if (changed) this.watch.note(changed)
    return changed
  }
}

/** The process ends: clients look for another one. */
export function ended(): TidemarkError {
  return new TidemarkError('NOT_COORDINATOR', 'The broker is shutting down. Ask another one.')
}
