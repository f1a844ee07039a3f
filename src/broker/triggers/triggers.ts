import type { TriggerName } from '../../contract/triggers.ts'
import type { Trigger } from '../../core/trigger/trigger.ts'
import type { Ports } from '../../ports/index.ts'
import { GroupCall } from '../groups/group-call.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'
import { pauseTrigger, removeTrigger, resumeTrigger } from './change-trigger.ts'
import { listTriggers } from './list-triggers.ts'
import { type PutTrigger, putTrigger } from './put-trigger.ts'

export type { PutTrigger } from './put-trigger.ts'

/** Makes, alters, removes, lists, pauses and resumes triggers. Every method rejects with a TidemarkError. */
export class Triggers {
  readonly #ports: Ports
  readonly #directory: TopicDirectory

  constructor(ports: Ports, directory: TopicDirectory) {
    this.#ports = ports
    this.#directory = directory
  }

  put = (request: PutTrigger): Promise<Trigger> => putTrigger(this.#call(request.groupId), request)

  remove = (name: TriggerName & { readonly triggerId?: string }): Promise<void> =>
    removeTrigger(this.#call(name.groupId), name)

  /** Every trigger, in the order of their groups and topics. */
  list = (): Promise<Trigger[]> => listTriggers(this.#call(''))

  pause = (name: TriggerName): Promise<Trigger> => pauseTrigger(this.#call(name.groupId), name)

  resume = (name: TriggerName): Promise<Trigger> => resumeTrigger(this.#call(name.groupId), name)

  #call(groupId: string): GroupCall {
    return new GroupCall(this.#ports, this.#directory, groupId)
  }
}
