import type { Broker } from '../contract/broker.ts'
import type { ClassicGroupBroker } from '../contract/classic-groups.ts'
import type { GroupBroker } from '../contract/groups.ts'
import type { ProducersBroker } from '../contract/producers.ts'
import type { TransactionBroker } from '../contract/transactions.ts'
import type { TriggerBroker, TriggerDescription, TriggerName } from '../contract/triggers.ts'
import {
  CLASSIC_INITIAL_DELAY_MS,
  FLUSH_BY_PRODUCER_MS,
  FLUSH_DEFAULT_MS,
  HOT_TAIL_BYTES,
  READ_PARALLEL_MAX,
} from '../core/limits.ts'
import type { Head } from '../core/log/head.ts'
import type { Offset } from '../core/numbers.ts'
import { SharedLook } from '../core/shared-look.ts'
import type { PartitionId } from '../core/topic/partition-id.ts'
import type { Trigger } from '../core/trigger/trigger.ts'
import { Lane, workBeside } from '../core/turns.ts'
import type { Ports } from '../ports/index.ts'
import type { ObjectLocator } from '../ports/object-locator.ts'
import { asTidemarkError } from '../ports/store-errors.ts'
import type { DecidedListener } from './finishing/append-decided.ts'
import type { ClassicGroups } from './groups/classic/classic-groups.ts'
import type { GroupCall } from './groups/group-call.ts'
import type { LeaseWatch } from './groups/lease-watch.ts'
import { LazyReading } from './load-reading.ts'
import {
  loadClassic,
  loadTasks,
  loadTopics,
  loadTransactions,
  loadUseCases,
  type UseCases,
} from './load-use-cases.ts'
import type { LogBrokerSettings } from './log-broker-settings.ts'
import { Gatherer } from './producing/gather.ts'
import { Intake, shuttingDown } from './producing/intake.ts'
import { TailWatch } from './reading/tail-watch.ts'
import type { BackgroundFlush } from './settling/background-flush.ts'
import type { BackgroundSettling } from './settling/background-settling.ts'
import { cutIfLong } from './settling/cut-if-long.ts'
import type { SettlingSettings } from './settling/settling-settings.ts'
import { TopicDirectory } from './topics/topic-directory.ts'
import type { Topics } from './topics/topics.ts'
import type { Transactions } from './transactions/transactions.ts'

export type { LogBrokerSettings } from './log-broker-settings.ts'

/** The broker over its ports. Stateless but for what makes it fast: any number of them may share a store. */
export class LogBroker
  implements Broker, GroupBroker, ClassicGroupBroker, ProducersBroker, TransactionBroker, TriggerBroker
{
  readonly #ports: Ports
  readonly #directory: TopicDirectory
  readonly #watch = new TailWatch()
  readonly #intake: Intake
  readonly #reading: LazyReading
  /** Each once it is loaded. */
  #topics: Topics | undefined
  #flusher: BackgroundFlush | undefined
  #settler: BackgroundSettling | undefined
  readonly #looks = new Lane(READ_PARALLEL_MAX)
  readonly #reportError: (error: unknown) => void
  readonly #flushesInBackground: boolean
  readonly #settlesInBackground: boolean
  readonly #settling: Partial<SettlingSettings>
  /** Calls under way: the store must not be taken from under them. */
  readonly #served = new Set<Promise<unknown>>()
  #leases: LeaseWatch | undefined
  #classic: ClassicGroups | undefined
  #transactions: Transactions | undefined
  #watchesTransactions = false
  readonly #initialDelayMs: number
  readonly #heartbeatMsMax: number | undefined
  #startedUp: Promise<void> = Promise.resolve()
  #isClosing = false

  /** Each group is read for it: whoever asks meanwhile shares a look with others. */
  readonly #groupList = new SharedLook(() => this.#serveGroup('', (call, { listGroups }) => listGroups(call)))

  constructor(ports: Ports, settings: LogBrokerSettings, locator?: ObjectLocator) {
    this.#ports = ports
    this.#reportError = settings.reportError
    this.#flushesInBackground = settings.flushes !== 'elsewhere'
    this.#directory = new TopicDirectory(ports.topics, ports.clock, settings.topicCacheMs)
    this.#settlesInBackground = settings.settles === 'in-background'
    this.#settling = settings.settling ?? {}
    this.#heartbeatMsMax = settings.heartbeatIntervalMsMax
    this.#initialDelayMs = settings.groupInitialDelayMs ?? CLASSIC_INITIAL_DELAY_MS
    const gatherer = new Gatherer(ports, settings, (partition, { head, baseOffset }, calls, flushMs) => {
      this.#reading.opened?.noteAppend(partition, baseOffset, calls)
      return this.#noteHead(partition, head, flushMs, 1)
    })
    this.#intake = new Intake(ports, this.#directory, gatherer)
    const usualBytes = this.#flushesInBackground ? (settings.settling?.hotTailBytes ?? HOT_TAIL_BYTES) : 0
    const { hotTailBytes = usualBytes } = settings
    const kept = { hotTailBytes, pollIntervalMsMax: settings.pollIntervalMsMax }
    this.#reading = new LazyReading(ports, this.#directory, this.#watch, kept, locator)
  }

  /** Begins to work in the background: flushes, has logs settle, and makes up for what a crash left half done. */
  start(): void {
    const begun: Promise<void>[] = []
    if (this.#flushesInBackground || this.#settlesInBackground) begun.push(this.#startTasks())
    if (this.#flushesInBackground) {
      this.#watchesTransactions = true
      begun.push(this.#openTopics().then(topics => topics.finishDeletions()))
      begun.push(this.#watchTransactions())
    }
    this.#startedUp = Promise.all(begun.map(each => each.catch(this.#reportError))).then(() => {})
  }

  async #watchTransactions(): Promise<void> {
    const { done } = await this.#ports.transactions.registered()[Symbol.asyncIterator]().next()
    if (!done) await this.#openTransactions()
  }

  async #startTasks(): Promise<void> {
    if (this.#settlesInBackground) {
      const { BackgroundSettling, settlingSettings } = await workBeside(
        import('./settling/background-settling.ts'),
      )
      const settings = settlingSettings(this.#settling)
      this.#settler = new BackgroundSettling(this.#ports, settings, this.#reportError)
    }
    const flusher = this.#flushesInBackground ? await this.#openFlusher() : undefined
    if (this.#isClosing) return
    flusher?.start()
    this.#settler?.start()
  }

  async #openFlusher(): Promise<BackgroundFlush> {
    const { BackgroundFlush } = await loadTasks()
    this.#flusher ??= new BackgroundFlush(this.#ports, this.#directory, this.#reportError, (...found) =>
      this.#settler?.noteHead(...found),
    )
    return this.#flusher
  }

  /** Not before it is needed: what a function loads is paid for with every cold start. */
  async #openTopics(): Promise<Topics> {
    const { Topics } = await loadTopics()
    this.#topics ??= new Topics(this.#ports, this.#directory)
    return this.#topics
  }

  /** Settles what is under way and takes no more; moves all inline bytes into objects if it is the one that flushes. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#reading.close()
    this.#classic?.close()
    const settled = this.#settler?.close()
    await this.#intake.close()
    await Promise.allSettled(this.#served)
    await this.#transactions?.close()
    await this.#startedUp
    await settled
    if (this.#flushesInBackground) await (await this.#openFlusher()).close()
  }

  /** Notes a head as an append of so many entries left it. */
  #noteHead(partition: PartitionId, head: Head, flushMs: number, appended: number) {
    this.#watch.notify(partition)
    this.#settler?.noteAppend(partition, head)
    this.#flusher?.noteAppend(partition, head, flushMs, appended)
    return this.#flushesInBackground ? undefined : this.#flushIfLong(partition, head, appended)
  }

  /**
   * Cuts a tail that the newest append, of so many entries, has made too long. The append stands, whatever becomes of this, and its answer
   * goes out in time: a cut that is slow goes on without it, up to where the next one takes over.
   */
  async #flushIfLong(partition: PartitionId, head: Head, appended: number): Promise<void> {
    const cut = cutIfLong(this.#ports, partition, head, appended)
    if (!cut) return
    const reported = cut.then(([result]) => {
      if (result?.status === 'rejected') this.#reportError(result.reason)
    })
    await this.#waitFor(reported, FLUSH_BY_PRODUCER_MS)
  }

  /** Until it is done, or so long; what goes on meanwhile must not lose its store. */
  async #waitFor(work: Promise<void>, durationMs: number): Promise<void> {
    const done = new AbortController()
    const settled = work.finally(() => {
      done.abort()
      this.#served.delete(settled)
    })
    this.#served.add(settled)
    await this.#ports.clock.sleep(durationMs, done.signal)
  }

  createTopic: Broker['createTopic'] = request => this.#serveTopics(topics => topics.create(request))

  listTopics: Broker['listTopics'] = () => this.#serveTopics(topics => topics.list())

  describeTopic: Broker['describeTopic'] = topic => this.#serveTopics(topics => topics.describe(topic))

  alterTopic: Broker['alterTopic'] = request => this.#serveTopics(topics => topics.alter(request))

  deleteTopic: Broker['deleteTopic'] = topic => this.#serveTopics(topics => topics.delete(topic))

  produce: Broker['produce'] = request => this.#intake.produce(request)

  /** Appends to a partition of one topic alone, whatever its name is by now, what was checked before. */
  append: Intake['append'] = (partition, run) => this.#intake.append(partition, run)

  fetch: Broker['fetch'] = request => this.#serve(async () => (await this.#reading.open()).fetch(request))

  locate: Broker['locate'] = request => this.#serve(async () => (await this.#reading.open()).locate(request))

  fetchMany: Broker['fetchMany'] = request =>
    this.#serve(async () => (await this.#reading.open()).fetchMany(request))

  locateMany: Broker['locateMany'] = request =>
    this.#serve(async () => (await this.#reading.open()).locateMany(request))

  /**
   * Calls `wake` once, when the log's end is another one than it is when this resolves.
   * @returns ends it
   */
  listen(partition: PartitionId, wake: (endOffset: Offset) => void): Promise<() => void> {
    return this.#serve(async () => (await this.#reading.open()).listen(partition, wake))
  }

  offsetFor: Broker['offsetFor'] = request =>
    this.#serve(async () => {
      const [{ offsetFor }, { footers }] = await Promise.all([loadUseCases(), this.#reading.open()])
      return await offsetFor(this.#ports, this.#directory, request, footers, this.#looks)
    })

  describeProducers: ProducersBroker['describeProducers'] = request =>
    this.#serve(async () => {
      const { describeProducers } = await loadUseCases()
      return await describeProducers(this.#ports, this.#directory, request)
    })

  deleteRecords: Broker['deleteRecords'] = request =>
    this.#serve(async () => {
      const { deleteRecords } = await loadTasks()
      return await deleteRecords(this.#ports, this.#directory, request, id => this.#settler?.noteStart(id))
    })

  heartbeat: GroupBroker['heartbeat'] = request =>
    this.#serveGroup(request.groupId, (call, { heartbeat }) => heartbeat(call, request))

  leaveGroup: GroupBroker['leaveGroup'] = request =>
    this.#serveGroup(request.groupId, (call, { leaveGroup }) => leaveGroup(call, request))

  commitOffsets: GroupBroker['commitOffsets'] = request =>
    this.#serveGroup(request.groupId, (call, { commitOffsets }) => commitOffsets(call, request))

  fetchOffsets: GroupBroker['fetchOffsets'] = ({ groupId, topics, tellsPending }) =>
    this.#serveGroup(groupId, (call, { fetchOffsets }) => fetchOffsets(call, topics, tellsPending))

  listGroups: GroupBroker['listGroups'] = () => this.#groupList.run()

  describeGroup: GroupBroker['describeGroup'] = groupId =>
    this.#serveGroup(groupId, (call, { describeGroup }) => describeGroup(call))

  deleteGroup: GroupBroker['deleteGroup'] = groupId =>
    this.#serveGroup(groupId, (call, { deleteGroup }) => deleteGroup(call))

  joinGroup: ClassicGroupBroker['joinGroup'] = (...asked) =>
    this.#serveClassic(classic => classic.joinGroup(...asked))

  syncGroup: ClassicGroupBroker['syncGroup'] = (...asked) =>
    this.#serveClassic(classic => classic.syncGroup(...asked))

  heartbeatClassic: ClassicGroupBroker['heartbeatClassic'] = request =>
    this.#serveClassic(classic => classic.heartbeatClassic(request))

  leaveClassic: ClassicGroupBroker['leaveClassic'] = request =>
    this.#serveClassic(classic => classic.leaveClassic(request))

  commitClassic: ClassicGroupBroker['commitClassic'] = request =>
    this.#serveClassic(classic => classic.commitClassic(request))

  describeClassic: ClassicGroupBroker['describeClassic'] = groupId =>
    this.#serveClassic(classic => classic.describeClassic(groupId))

  deleteOffsets: ClassicGroupBroker['deleteOffsets'] = request =>
    this.#serveClassic(classic => classic.deleteOffsets(request))

  findMember: ClassicGroupBroker['findMember'] = name =>
    this.#serveClassic(classic => classic.findMember(name))

  initProducer: TransactionBroker['initProducer'] = request =>
    this.#serveTransactions(transactions => transactions.initProducer(request))

  addPartitions: TransactionBroker['addPartitions'] = request =>
    this.#serveTransactions(transactions => transactions.addPartitions(request))

  stage: TransactionBroker['stage'] = request =>
    this.#serveTransactions(transactions => transactions.stage(request))

  commitTransactionOffsets: TransactionBroker['commitTransactionOffsets'] = request =>
    this.#serveTransactions(transactions => transactions.commitTransactionOffsets(request))

  endTransaction: TransactionBroker['endTransaction'] = request =>
    this.#serveTransactions(transactions => transactions.endTransaction(request))

  listTransactions: TransactionBroker['listTransactions'] = request =>
    this.#serveTransactions(transactions => transactions.listTransactions(request))

  describeTransaction: TransactionBroker['describeTransaction'] = transactionalId =>
    this.#serveTransactions(transactions => transactions.describeTransaction(transactionalId))

  abortTransaction: TransactionBroker['abortTransaction'] = transactionalId =>
    this.#serveTransactions(transactions => transactions.abortTransaction(transactionalId))

  listTriggers: TriggerBroker['listTriggers'] = () =>
    this.#serveGroup('', async (call, { describeTriggers, listTriggers }) =>
      describeTriggers(call, await listTriggers(call)),
    )

  pauseTrigger: TriggerBroker['pauseTrigger'] = request =>
    this.#serveTrigger(request, (call, { pauseTrigger }) => pauseTrigger(call, request))

  resumeTrigger: TriggerBroker['resumeTrigger'] = request =>
    this.#serveTrigger(request, (call, { resumeTrigger }) => resumeTrigger(call, request))

  deleteTrigger: TriggerBroker['deleteTrigger'] = request =>
    this.#serveGroup(request.groupId, (call, { deleteTrigger }) => deleteTrigger(call, request))

  #serveTrigger(
    { groupId }: TriggerName,
    change: (call: GroupCall, useCases: UseCases) => Promise<Trigger>,
  ): Promise<TriggerDescription> {
    return this.#serveGroup(groupId, async (call, useCases) => {
      const [described] = await useCases.describeTriggers(call, [await change(call, useCases)])
      return described!
    })
  }

  #serveTopics<T>(work: (topics: Topics) => Promise<T>): Promise<T> {
    return this.#serve(async () => work(await this.#openTopics()))
  }

  #serveGroup<T>(groupId: string, work: (call: GroupCall, useCases: UseCases) => Promise<T>): Promise<T> {
    return this.#serve(async () => {
      const useCases = await loadUseCases()
      this.#leases ??= new useCases.LeaseWatch(this.#ports.clock)
      const { GroupCall } = useCases
      const call = new GroupCall(this.#ports, this.#directory, groupId, this.#leases, this.#heartbeatMsMax)
      return await work(call, useCases)
    })
  }

  #serveClassic<T>(work: (classic: ClassicGroups) => Promise<T>): Promise<T> {
    return this.#serve(async () => {
      const [{ ClassicGroups }, useCases] = await Promise.all([loadClassic(), loadUseCases()])
      this.#leases ??= new useCases.LeaseWatch(this.#ports.clock)
      const settings = { initialDelayMs: this.#initialDelayMs }
      this.#classic ??= new ClassicGroups(this.#ports, this.#directory, settings, this.#leases)
      if (this.#isClosing) this.#classic.close()
      return await work(this.#classic)
    })
  }

  #serveTransactions<T>(work: (transactions: Transactions) => Promise<T>): Promise<T> {
    return this.#serve(async () => work(await this.#openTransactions()))
  }

  async #openTransactions(): Promise<Transactions> {
    const [{ Transactions }, useCases] = await Promise.all([loadTransactions(), loadUseCases()])
    this.#leases ??= new useCases.LeaseWatch(this.#ports.clock)
    const told = { onAppend: this.#noteDecided, sleeps: !this.#flushesInBackground }
    this.#transactions ??= new Transactions(this.#ports, this.#directory, told, this.#leases)
    if (this.#watchesTransactions && !this.#isClosing) this.#transactions.watch(this.#reportError)
    return this.#transactions
  }

  /** What a transaction has put into a log. */
  readonly #noteDecided: DecidedListener = (partition, { head, baseOffset }, entries) => {
    const known = entries.flatMap(({ place, span: records }) =>
      place.kind === 'inline' ? [{ run: { chunk: place.payload, records } }] : [],
    )
    if (known.length === entries.length) this.#reading.opened?.noteAppend(partition, baseOffset, known)
    return this.#noteHead(partition, head, FLUSH_DEFAULT_MS, entries.length)
  }

  /** Any call but a produce, which has an accounting of its own. */
  async #serve<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isClosing) throw shuttingDown()
    const served = call()
    this.#served.add(served)
    try {
      return await served
    } catch (error) {
      throw asTidemarkError(error)
    } finally {
      this.#served.delete(served)
    }
  }
}
