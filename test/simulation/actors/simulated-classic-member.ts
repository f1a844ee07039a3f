import type { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import {
  type ClassicGroupBroker,
  type JoinedGroup,
  type JoinGroup,
  MemberIdRequired,
} from '../../../src/contract/classic-groups.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import type { World } from '../world.ts'

/** Sends a call to some broker. Undefined: no answer came in time, whatever was done. */
export type SendClassic = <T>(
  call: (broker: ClassicGroupBroker, signal: AbortSignal) => Promise<T>,
  timeoutMs: number,
) => Promise<T | undefined>

export interface ClassicMemberSettings {
  readonly groupId: string
  readonly topic: string
  readonly partitions: number
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly instanceId?: string | undefined
  /** What it does with its partitions instead of committing some offset. */
  readonly deliver?: (member: ClassicDelivery) => Promise<void>
}

/** As who a member delivers, and what. */
export interface ClassicDelivery {
  readonly memberId: string
  readonly instanceId?: string | undefined
  readonly generation: number
  readonly partitions: readonly number[]
}

const HEARTBEAT_MS = 1_500
const CALL_TIMEOUT_MS = 2_000
const RETRY_MS = 300

/** What a leader assigns: which partitions, and by which of its calls. */
interface Assignment {
  readonly token: string
  readonly partitions: readonly number[]
}

/** A member as Kafka's older clients are: it joins, syncs, says that it is there, commits; and may be stopped at any moment. */
export class SimulatedClassicMember {
  readonly settings: ClassicMemberSettings
  readonly #world: World
  readonly #random: SeededEntropy
  readonly #send: SendClassic
  #memberId = ''
  #joined: JoinedGroup | undefined
  #partitions: readonly number[] | undefined
  #pauseMs = 0
  #metadata = 0
  isAlive = true

  constructor(settings: ClassicMemberSettings, world: World, send: SendClassic) {
    this.settings = settings
    this.#world = world
    this.#random = world.random
    this.#send = send
  }

  /** In which generation it is, once it was told what it is assigned. */
  get generation(): number | undefined {
    return this.isAlive && this.#partitions ? this.#joined?.generation : undefined
  }

  get partitions(): readonly number[] {
    return this.#partitions ?? []
  }

  get isPaused(): boolean {
    return this.isAlive && this.#pauseMs > 0
  }

  kill(): void {
    this.isAlive = false
  }

  pause(durationMs: number): void {
    this.#pauseMs = durationMs
  }

  /** Has something else to say of itself, which has all join anew where it is the leader or not. */
  change(): void {
    this.#metadata += 1
    this.#partitions = undefined
  }

  async live(): Promise<void> {
    while (this.isAlive) {
      await this.#pause()
      const isIn = this.#partitions !== undefined || ((await this.#join()) && (await this.#sync()))
      if (!isIn) {
        await this.#world.clock.sleep(RETRY_MS)
        continue
      }
      await this.#commit()
      await this.#world.clock.sleep(HEARTBEAT_MS - this.#random.integer(0, 500))
      await this.#pause()
      await this.#beat()
    }
  }

  async leave(): Promise<void> {
    this.isAlive = false
    const { groupId, instanceId } = this.settings
    const members = [{ memberId: this.#memberId, instanceId }]
    await this.#ask(broker => broker.leaveClassic({ groupId, members }))
  }

  async #pause(): Promise<void> {
    if (this.#pauseMs === 0) return
    await this.#world.clock.sleep(this.#pauseMs)
    this.#pauseMs = 0
    // A zombie: it does not know yet what has become of its group.
    await this.#commit()
  }

  async #join(): Promise<boolean> {
    const { groupId, instanceId, sessionTimeoutMs, rebalanceTimeoutMs } = this.settings
    const request: JoinGroup = {
      groupId,
      memberId: this.#memberId,
      instanceId,
      clientId: 'simulated',
      clientHost: '',
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from([this.#metadata]) }],
      requiresMemberId: instanceId === undefined,
      canSkipAssignment: true,
    }
    const joined = await this.#ask(
      (broker, signal) => broker.joinGroup(request, { signal }),
      rebalanceTimeoutMs + 2 * CALL_TIMEOUT_MS,
    )
    if (!joined || !this.isAlive) return false
    this.#memberId = joined.memberId
    this.#joined = joined
    return true
  }

  async #sync(): Promise<boolean> {
    const { groupId, instanceId, partitions, rebalanceTimeoutMs } = this.settings
    const { generation, memberId, members, leader, skipAssignment } = this.#joined!
    const life = this.#world.classic.lifeOf(groupId)
    const token = this.#random.id()
    const isAssigning = leader === memberId && !skipAssignment
    const shares = isAssigning ? members : []
    const assignments = shares.map((member, index) => {
      const own = Array.from({ length: partitions }, (_, partition) => partition).filter(
        partition => partition % shares.length === index,
      )
      const assignment: Assignment = { token, partitions: own }
      return { memberId: member.memberId, assignment: Buffer.from(JSON.stringify(assignment)) }
    })
    const synced = await this.#ask(
      (broker, signal) =>
        broker.syncGroup({ groupId, generation, memberId, instanceId, assignments }, { signal }),
      rebalanceTimeoutMs + 2 * CALL_TIMEOUT_MS,
    )
    if (!synced || !this.isAlive) return false
    if (synced.assignment.length === 0) throw new Error(`${memberId} was told nothing of ${generation}`)
    const told: Assignment = JSON.parse(Buffer.from(synced.assignment).toString())
    // Where the group became another in between, nobody can tell whose generation it was.
    if (life === this.#world.classic.lifeOf(groupId)) {
      this.#world.classic.assigned(life, generation, told.token)
    }
    this.#partitions = told.partitions
    return true
  }

  async #beat(): Promise<void> {
    if (!this.#joined || !this.isAlive) return
    const { groupId, instanceId } = this.settings
    const { generation, memberId } = this.#joined
    await this.#ask(broker => broker.heartbeatClassic({ groupId, generation, memberId, instanceId }))
  }

  /** Commits one of its partitions. No commit is taken that is asked for when a later generation stands. */
  async #commit(): Promise<void> {
    const partition = this.#partitions?.[0]
    if (partition === undefined || !this.#joined || !this.isAlive) return
    const { groupId, topic, instanceId, deliver } = this.settings
    const { generation, memberId } = this.#joined
    if (deliver) return await deliver({ memberId, instanceId, generation, partitions: this.#partitions! })
    const name = { groupId, generation, memberId, instanceId }
    const { classic } = this.#world
    const [life, standing] = [classic.lifeOf(groupId), classic.generationOf(groupId)]
    const offset = this.#random.integer(0, 1_000)
    const offsets = [{ topic, partition, offset, metadata: String(generation) }]
    const answer = await this.#ask(broker => broker.commitClassic({ ...name, offsets }))
    const isTaken = answer?.[0]?.error === null
    if (isTaken && standing > generation && life === classic.lifeOf(groupId)) {
      throw new Error(`stale: ${memberId} has committed under ${generation} when ${standing} stood`)
    }
    if (isTaken) this.#world.count('classic commits')
  }

  /** Undefined: it has to ask again. */
  async #ask<T>(
    call: (broker: ClassicGroupBroker, signal: AbortSignal) => Promise<T>,
    timeoutMs = CALL_TIMEOUT_MS,
  ): Promise<T | undefined> {
    try {
      return await this.#send(call, timeoutMs)
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      if (error instanceof MemberIdRequired) this.#memberId = error.memberId
      switch (error.kafkaName) {
        case 'UNKNOWN_MEMBER_ID':
        case 'ILLEGAL_GENERATION':
        case 'GROUP_ID_NOT_FOUND':
          if (error.kafkaName !== 'ILLEGAL_GENERATION') this.#memberId = ''
          this.#partitions = undefined
          return undefined
        case 'REBALANCE_IN_PROGRESS':
          this.#partitions = undefined
          return undefined
        case 'FENCED_INSTANCE_ID':
          this.isAlive = false
          return undefined
        case 'MEMBER_ID_REQUIRED':
        case 'NOT_COORDINATOR':
        case 'REQUEST_TIMED_OUT':
        case 'KAFKA_STORAGE_ERROR':
        case 'INCONSISTENT_GROUP_PROTOCOL':
          return undefined
        default:
          throw error
      }
    }
  }
}
