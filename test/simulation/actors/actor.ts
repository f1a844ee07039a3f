import type { HeadCost } from '../../../src/core/log/changes/cut.ts'
import type { World } from '../world.ts'

/** Somebody who uses the system, or a part of it that works by itself, in one run. */
export interface Actor {
  /** Makes what it needs, before there are any faults. */
  prepare?(): Promise<void>
  /** Does what it does while there are faults, and all others do theirs. */
  live(): Promise<void>
  /** Does what it does while all others are away for so long. */
  keepUp?(durationMs: number): Promise<void>
  /** Waits, without faults, for what has to come in time. @throws Error that says what did not */
  settle?(): Promise<void>
  /** Looks at the whole when everything has come to rest. @throws Error that says what was promised and not kept */
  check?(): Promise<void>
}

/** What actors of a kind need of the world, and how one is made. */
export interface ActorKind {
  readonly name: string
  /** Whether what it does is of interest where clocks are minutes apart, and not seconds only. */
  readonly wantsFarClocks?: boolean
  /** Whether brokers flush. */
  readonly wantsFlushes?: boolean
  /** Whether it never falls silent while others wait, so that waiting for a day takes long. */
  readonly isNeverSilent?: boolean
  /** Whether it sets the clocks of others, a day ahead or back at most. */
  readonly setsClocks?: boolean
  /** Whether, and how, each write of a head is paid for by what stands in it. */
  readonly headCost?: HeadCost
  make(world: World): Actor
}
