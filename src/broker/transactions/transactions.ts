import type {
  EndedTransaction,
  EndTransaction,
  PartitionResult,
  StageBatches,
  StagedBatches,
  TransactionBroker,
  TransactionName,
} from '../../contract/transactions.ts'
import { TidemarkError } from '../../core/errors.ts'
import { checkTransactionalId } from '../../core/group/identity.ts'
import { PRODUCE_IN_FLIGHT_BYTES_MAX, TRANSACTION_TIMEOUT_DEFAULT_MS } from '../../core/limits.ts'
import { addOffsets } from '../../core/transaction/changes/add-offsets.ts'
import { addPartitions, type NamedPartition } from '../../core/transaction/changes/add-partitions.ts'
import { initProducer } from '../../core/transaction/changes/init-producer.ts'
import { withFloor } from '../../core/transaction/changes/raise-floor.ts'
import { abortedByForce } from '../../core/transaction/changes/time-out.ts'
import { fence, wrongState } from '../../core/transaction/fence.ts'
import type { Transaction } from '../../core/transaction/transaction.ts'
import { futureTime } from '../../ports/clock.ts'
import type { Ports } from '../../ports/index.ts'
import { DecidedAppends, type DecidedListener } from '../finishing/append-decided.ts'
import { changeNext, finishWhole, isDecided } from '../finishing/change-next.ts'
import type { Finishing } from '../finishing/finish.ts'
import { KnownClaims } from '../finishing/known-claims.ts'
import { drawProducerId } from '../finishing/producer-id.ts'
import type { Change, ChangeOptions, Changing, Room } from '../finishing/room.ts'
import { TransactionCall, toFailure } from '../finishing/transaction-call.ts'
import { LeaseWatch } from '../groups/lease-watch.ts'
import { makeRoom } from '../settling/make-room.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'
import { describe, listTransactions } from './describe.ts'
import { endTransaction, pend } from './end-transaction.ts'
import { Overdue } from './overdue.ts'
import { prepareOffsets } from './pending-offsets.ts'
import { Rooms } from './rooms.ts'
import { checkAll } from './stage.ts'
import { applyJobs, bringJobsAnew, StageJob } from './stage-group.ts'
import { callerOf, checkEnd, checkName, idNotFound, overtaken, unknownId } from './transaction-names.ts'

export interface TransactionsSettings {
  /** Told of what this process appends. */
  readonly onAppend: DecidedListener
  /** Whether the process sleeps between calls, so that nothing may be left to be done behind an answer. */
  readonly sleeps: boolean
}

/** Requests to stage batches that came one after the other, and are staged by one write. */
interface StageGroup {
  readonly jobs: Promise<StageJob>[]
  staged: Promise<unknown> | undefined
}

const NOT_ATTEMPTED = {
  kafkaName: 'OPERATION_NOT_ATTEMPTED',
  message: 'Another partition of the call is not there, and so none was added.',
  retriable: false,
}

/** Transactions, as one process serves them. */
export class Transactions implements TransactionBroker {
  readonly #ports: Ports
  readonly #directory: TopicDirectory
  readonly #leases: LeaseWatch
  readonly #sleeps: boolean
  readonly #rooms = new Rooms()
  readonly #finishing: Finishing
  readonly #futureMs: ReturnType<typeof futureTime>
  /** By transactional id: those that have not begun yet. */
  readonly #groups = new Map<string, StageGroup>()
  #bytesInFlight = 0
  #overdue: Overdue | undefined

  constructor(
    ports: Ports,
    directory: TopicDirectory,
    { onAppend, sleeps }: TransactionsSettings,
    leases: LeaseWatch = new LeaseWatch(ports.clock),
  ) {
    this.#ports = ports
    this.#directory = directory
    this.#leases = leases
    this.#sleeps = sleeps
    this.#finishing = { appends: new DecidedAppends(ports, makeRoom), onAppend, claims: new KnownClaims() }
    this.#futureMs = futureTime(ports.clock)
  }

  initProducer: TransactionBroker['initProducer'] = async request => {
    const { transactionalId, timeoutMs = TRANSACTION_TIMEOUT_DEFAULT_MS, producerId, epoch } = request
    checkTransactionalId(transactionalId)
    const isKnown = producerId !== undefined && producerId >= 0n && epoch !== undefined && epoch >= 0
    const wanted = { transactionalId, timeoutMs, ...(isKnown && { producer: { producerId, epoch } }) }
    return await this.#enter(transactionalId, async (call, room) => {
      const newProducerId = drawProducerId(call.ports.entropy)
      const standing = await room.read(call)
      const isNew = standing === undefined
      const register = () => call.write(() => call.ports.transactions.register(transactionalId))
      // Whoever has made one that nobody has used yet may have died before it was listed for good: see below.
      if (isNew || (standing.epoch === 0 && standing.number === 0)) await register()
      const { transaction } = await this.#changeNext(call, room, standing =>
        !standing && !isNew
          ? overtaken(request)
          : initProducer(standing, wanted, newProducerId, call.nowMs()),
      )
      // Somebody who removes an older one may have taken it off the list meanwhile.
      if (isNew) await register()
      const { producerId, epoch } = transaction
      if (transaction.state === 'aborting') await finishWhole(call, this.#finishing, room, transaction)
      const raised = await this.#raiseFloor(call, room)
      return { producerId, epoch, number: raised.number }
    })
  }

  /**
   * A round that drains old ingest epochs raises the floor of all that are listed. Whoever comes to be listed after that raises its own:
   * the floor is read after it was listed.
   */
  async #raiseFloor(call: TransactionCall, room: Room): Promise<Transaction> {
    const ingest = await call.read(() => call.ports.upkeep.readIngest())
    const { transaction } = await room.change(call, standing =>
      standing ? withFloor(standing, ingest?.floor ?? 0) : overtaken(room),
    )
    return transaction
  }

  addPartitions: TransactionBroker['addPartitions'] = async request => {
    checkName(request)
    return await this.#enter(request.transactionalId, async (call, room) => {
      const found: NamedPartition[] = []
      const results = await call.forEach(request.partitions, async ({ topic, partition }) => {
        try {
          const id = await call.read(() => call.directory.resolvePartition(topic, partition))
          found.push({ topic, ...id })
          return { topic, partition, error: null }
        } catch (error) {
          return { topic, partition, error: toFailure(error) }
        }
      })
      // As in Kafka: all or none.
      if (found.length < results.length)
        return results.map(each => ({ ...each, error: each.error ?? NOT_ATTEMPTED }))
      const change: Change = (standing, tried) =>
        standing ? addPartitions(standing, callerOf(request, tried), found, call.nowMs()) : unknownId(request)
      // A power failure that takes it has the transaction abort, which is right at any time.
      await this.#changeNext(call, room, change, { lasting: 'in order' })
      return results
    })
  }

  stage: TransactionBroker['stage'] = async request => {
    checkName(request)
    return await this.#admitted(request.batches, () => this.#stage(request))
  }

  async #stage(request: StageBatches): Promise<PartitionResult[]> {
    const { transactionalId, batches, adds = false } = request
    const call = new TransactionCall(this.#ports, this.#directory)
    const preparing = this.#prepare(call, request, batches, adds)
    preparing.catch(() => {})
    const standing = this.#groups.get(transactionalId)
    const group = standing ?? { jobs: [], staged: undefined }
    group.jobs.push(preparing)
    if (!standing) {
      this.#groups.set(transactionalId, group)
      group.staged = this.#stageGroup(transactionalId, group)
      group.staged.catch(() => {})
    }
    const job = await preparing
    await group.staged
    return job.results()
  }

  async #prepare(
    call: TransactionCall,
    name: TransactionName,
    batches: EndTransaction['batches'],
    adds: boolean,
  ): Promise<StageJob> {
    const prepared = await checkAll(call, name, batches ?? [], this.#futureMs)
    return await StageJob.prepare(call, name, adds, prepared)
  }

  #stageGroup(transactionalId: string, group: StageGroup): Promise<void> {
    const call = new TransactionCall(this.#ports, this.#directory)
    return this.#rooms.enter(transactionalId, async room => {
      // Whoever comes from now on comes after it.
      if (this.#groups.get(transactionalId) === group) this.#groups.delete(transactionalId)
      const prepared = await Promise.allSettled(group.jobs)
      const jobs = prepared.flatMap(each => (each.status === 'fulfilled' ? [each.value] : []))
      await this.#stageJobs(call, room, jobs)
      if (room.known) this.#overdue?.note(room.known)
    })
  }

  async #stageJobs(call: TransactionCall, room: Room, jobs: readonly StageJob[]): Promise<void> {
    if (jobs.length === 0) return
    for (let tries = 0; ; tries += 1) {
      try {
        await this.#changeNext(call, room, (standing, tried) =>
          standing ? applyJobs(jobs, standing, tried, call.nowMs()) : unknownId(jobs[0]!.name),
        )
      } catch (error) {
        // Each says for itself that it was refused, unless that was by what had been seen before, and it is not known what stands.
        if (!jobs.every(job => job.isRefusedBy(error))) throw error
      }
      if (!(await bringJobsAnew(call, jobs, tries))) return
    }
  }

  commitTransactionOffsets: TransactionBroker['commitTransactionOffsets'] = async request => {
    checkName(request)
    return await this.#enter(request.transactionalId, async (call, room) => {
      const offsets = await prepareOffsets(call, this.#leases, request)
      const places = offsets.places.map(({ place }) => place)
      const change: Change = (standing, tried) => {
        if (!standing) return unknownId(request)
        const caller = callerOf(request, tried)
        if (request.begins === false && isOver(standing))
          return fence(standing, caller) ?? wrongState(standing, 'commit offsets')
        return addOffsets(standing, caller, places, call.nowMs())
      }
      const options: ChangeOptions = places.length === 0 ? { lasting: 'in order' } : {}
      const { transaction } = await this.#changeNext(call, room, change, options)
      return await pend(call, this.#finishing, offsets, transaction)
    })
  }

  endTransaction: TransactionBroker['endTransaction'] = async request => {
    checkName(request)
    checkEnd(request)
    return await this.#admitted(request.batches ?? [], () => this.#end(request))
  }

  async #end(request: EndTransaction): Promise<EndedTransaction> {
    const { transactionalId, commit, batches } = request
    const early = new TransactionCall(this.#ports, this.#directory)
    const preparing = commit ? this.#prepare(early, request, batches, true) : undefined
    preparing?.catch(() => {})
    const ending = { finishing: this.#finishing, leases: this.#leases, sleeps: this.#sleeps }
    return await this.#enter<EndedTransaction>(transactionalId, async (call, room, answer) =>
      endTransaction(call, ending, room, request, await preparing, answer),
    )
  }

  listTransactions: TransactionBroker['listTransactions'] = (request = {}) =>
    listTransactions(new TransactionCall(this.#ports, this.#directory), request)

  describeTransaction: TransactionBroker['describeTransaction'] = async transactionalId => {
    checkTransactionalId(transactionalId)
    return await describe(new TransactionCall(this.#ports, this.#directory), transactionalId)
  }

  abortTransaction: TransactionBroker['abortTransaction'] = async transactionalId => {
    checkTransactionalId(transactionalId)
    await this.#enter(transactionalId, async (call, room) => {
      if (!(await room.read(call))) throw idNotFound(transactionalId)
      const newProducerId = drawProducerId(call.ports.entropy)
      const { transaction } = await room.change(call, standing =>
        standing ? abortedByForce(standing, newProducerId, call.nowMs()) : overtaken(room),
      )
      if (isDecided(transaction)) await finishWhole(call, this.#finishing, room, transaction)
    })
    return await this.describeTransaction(transactionalId)
  }

  /** Has what is overdue aborted, and what others have left finished, for as long as this process lives. */
  watch(reportError: (error: unknown) => void): void {
    this.#overdue ??= new Overdue(this.#ports, this.#directory, reportError)
  }

  /** Resolves when all is done that was begun. */
  async close(): Promise<void> {
    await this.#overdue?.close()
    await this.#rooms.settled()
  }

  /** Does what holds these batches in memory, unless too much is held already. */
  async #admitted<T>(batches: readonly StagedBatches[], work: () => Promise<T>): Promise<T> {
    const bytes = batches.reduce((sum, each) => sum + each.batches.length, 0)
    if (this.#bytesInFlight > 0 && this.#bytesInFlight + bytes > PRODUCE_IN_FLIGHT_BYTES_MAX) {
      throw new TidemarkError(
        'THROTTLING_QUOTA_EXCEEDED',
        'Too much is being written at the moment. Wait for answers that are due, then try again.',
      )
    }
    this.#bytesInFlight += bytes
    try {
      return await work()
    } finally {
      this.#bytesInFlight -= bytes
    }
  }

  #changeNext(
    call: TransactionCall,
    room: Room,
    change: Change,
    options: ChangeOptions = {},
  ): Promise<Changing> {
    return changeNext(call, this.#finishing, room, change, options)
  }

  /** After all that came before; and whatever is to be staged from now on comes after this. */
  #enter<T>(
    transactionalId: string,
    work: (call: TransactionCall, room: Room, answer: (value: T) => void) => Promise<T>,
  ): Promise<T> {
    this.#groups.delete(transactionalId)
    const call = new TransactionCall(this.#ports, this.#directory)
    return this.#rooms.enter<T>(transactionalId, async (room, answer) => {
      try {
        return await work(call, room, answer)
      } finally {
        if (room.known) this.#overdue?.note(room.known)
      }
    })
  }
}

/** Whether there is no transaction, decided or not, before another one begins. */
function isOver({ state }: Transaction): boolean {
  return state === 'empty' || state === 'committed' || state === 'aborted'
}
