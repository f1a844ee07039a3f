import type { GroupTopic, Target } from '../group.ts'

/** A member, and the topics that it subscribes to, in the order of their names. */
export interface Subscriber {
  readonly memberId: string
  readonly topics: readonly GroupTopic[]
}

/** Shares partitions out; subscribers come in the order in which they are to be served. */
export type Assignor = (subscribers: readonly Subscriber[], previous: Target) => Target
