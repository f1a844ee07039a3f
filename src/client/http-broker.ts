import type { z } from 'zod'
import type {
  AlterTopic,
  Broker,
  CallOptions,
  CreateTopic,
  DeleteRecords,
  Fetch,
  Fetched,
  FetchedMany,
  FetchMany,
  FetchPartition,
  FoundOffset,
  Located,
  LocatedMany,
  OffsetFor,
  Produce,
  Produced,
  TopicDescription,
  TopicSummary,
} from '../contract/broker.ts'
import type {
  CommitOffsets,
  CommittedPartition,
  GroupBroker,
  GroupDescription,
  GroupOffset,
  GroupSummary,
  Heartbeat,
  HeartbeatAnswer,
  LeaveGroup,
} from '../contract/groups.ts'
import { BATCHES_TYPE, FRAMES_TYPE, JSON_TYPE } from '../contract/http/media-types.ts'
import { fromToldError } from '../contract/http/records/fetch-frames.ts'
import { toPathText } from '../contract/http/requests/path-text.ts'
import {
  CommitOffsetsAnswer,
  GroupAnswer,
  GroupListAnswer,
  GroupOffsetsAnswer,
  HeartbeatAnswer as HeartbeatAnswerSchema,
} from '../contract/http/schemas/groups.ts'
import {
  DeleteRecordsAnswer,
  LocateAnswer,
  LocateManyAnswer,
  OffsetAnswer,
  ProduceBatchesAnswer,
} from '../contract/http/schemas/records.ts'
import { TopicAnswer, TopicListAnswer } from '../contract/http/schemas/topics.ts'
import { TriggerAnswer, TriggerListAnswer } from '../contract/http/schemas/triggers.ts'
import type { TriggerBroker, TriggerDescription, TriggerName } from '../contract/triggers.ts'
import { checkGroupId } from '../core/group/identity.ts'
import type { Offset } from '../core/numbers.ts'
import { groupBy } from '../core/since-node-22.ts'
import { type EachAnswers, fetchApart, fetchEach } from './fetch-each.ts'
import { HttpTransactions } from './http-transactions.ts'
import { type HttpBrokerSettings, type HttpRequest, HttpTransport, RouteMissing } from './http-transport.ts'
import { askJson, jsonBody, parse } from './json-requests.ts'
import { fromBase64, notUnderstood, readBatches, readFrames } from './read-answers.ts'
import { readWaking } from './read-waking.ts'

/** How long a broker is not asked again for what it does not have. */
const MISSING_MS = 5 * 60_000

/**
 * A broker somewhere else, over HTTP. It never sends anything a second time: where the outcome of a write is
 * unknown, the error says so, and whoever called knows whether a repetition does harm.
 */
export class HttpBroker extends HttpTransactions implements Broker, GroupBroker, TriggerBroker {
  readonly #transport: HttpTransport
  readonly #producing: HttpTransport
  /** The ways to ask for many partitions that this broker does not have, and until when that is believed. */
  readonly #missing = new Map<'topic' | 'all', number>()

  constructor(settings: HttpBrokerSettings) {
    const transport = new HttpTransport(settings)
    super(transport)
    this.#transport = transport
    this.#producing = settings.produceBy ? new HttpTransport(settings.produceBy) : this.#transport
  }

  createTopic(request: CreateTopic, call?: CallOptions): Promise<TopicDescription> {
    return this.#json(TopicAnswer, { method: 'POST', path: ['topics'], ...jsonBody(request), ...call })
  }

  async listTopics(call?: CallOptions): Promise<TopicSummary[]> {
    const { topics } = await this.#json(TopicListAnswer, { method: 'GET', path: ['topics'], ...call })
    return topics
  }

  async describeTopic(topic: string, call?: CallOptions): Promise<TopicDescription> {
    return this.#json(TopicAnswer, { method: 'GET', path: ['topics', topic], ...call })
  }

  async alterTopic({ topic, ...change }: AlterTopic, call?: CallOptions): Promise<TopicDescription> {
    return this.#json(TopicAnswer, { method: 'PATCH', path: ['topics', topic], ...jsonBody(change), ...call })
  }

  async deleteTopic(topic: string, call?: CallOptions): Promise<void> {
    await this.#delete(['topics', topic], {}, call)
  }

  async produce({ topic, partition, batches }: Produce, call?: CallOptions): Promise<Produced> {
    const path = ['topics', topic, 'records']
    const request = {
      method: 'POST',
      path,
      query: { partition },
      contentType: BATCHES_TYPE,
      body: batches,
    } as const
    const answer = await this.#json(ProduceBatchesAnswer, { ...request, ...call }, this.#producing)
    const { baseOffset, records, startOffset, logAppendTimeMs } = answer
    return { baseOffset, records, startOffset, logAppendTimeMs }
  }

  fetch(request: Fetch, call?: CallOptions): Promise<Fetched> {
    return this.#poll(request, call, (path, query, endings) =>
      this.#transport.send(
        { method: 'GET', path, query, accept: BATCHES_TYPE, waitMs: request.maxWaitMs ?? 0, ...endings },
        readBatches,
      ),
    )
  }

  locate(request: Fetch, call?: CallOptions): Promise<Located> {
    return this.#poll(request, call, async (path, query, endings) => {
      const located = await this.#json(LocateAnswer, {
        method: 'GET',
        path,
        query: { ...query, locate: 'true' },
        waitMs: request.maxWaitMs ?? 0,
        ...endings,
      })
      return this.#completed(located)
    })
  }

  #completed({ startOffset, endOffset, nextOffset, ranges }: z.output<typeof LocateAnswer>): Located {
    const completed = ranges.map(range =>
      'inline' in range
        ? { ...range, span: range.span ?? range.records, inline: fromBase64(range.inline) }
        : { ...range, span: range.span ?? range.records, url: this.#transport.completeUrl(range.url) },
    )
    return { startOffset, endOffset, nextOffset, ranges: completed }
  }

  fetchMany(request: FetchMany, call?: CallOptions): Promise<FetchedMany> {
    return this.#together(
      request,
      call,
      one => this.fetch(one, call),
      (sent, asked) =>
        this.#transport.send({ ...sent, accept: FRAMES_TYPE }, answer => ({
          partitions: readFrames(answer, asked),
          ...readWaking(answer, this.#transport),
        })),
    )
  }

  locateMany(request: FetchMany, call?: CallOptions): Promise<LocatedMany> {
    return this.#together(
      request,
      call,
      one => this.locate(one, call),
      async (sent, asked) => {
        const { partitions, waking } = await this.#transport.send({ ...sent, accept: JSON_TYPE }, answer => ({
          ...parse(LocateManyAnswer, answer.json(), sent),
          ...readWaking(answer, this.#transport),
        }))
        if (partitions.length !== asked.length)
          throw notUnderstood(`of ${asked.length} partitions ${partitions.length} came`, 'no')
        return {
          partitions: partitions.map((answer, index) => {
            const { topic, topicId: askedId, partition } = asked[index]!
            const which = { topic, topicId: answer.topicId ?? askedId, partition }
            if ('error' in answer) return { ...which, error: fromToldError(answer.error) }
            return { ...which, ...this.#completed(answer) }
          }),
          ...(waking && { waking }),
        }
      },
      { locate: true },
    )
  }

  async offsetFor({ topic, partition, at }: OffsetFor, call?: CallOptions): Promise<FoundOffset> {
    const path = ['topics', topic, 'partitions', partition, 'offsets']
    const query = { at: typeof at === 'string' ? at : at.timestampMs }
    return this.#json(OffsetAnswer, { method: 'GET', path, query, ...call })
  }

  async deleteRecords(
    { topic, partition, beforeOffset }: DeleteRecords,
    call?: CallOptions,
  ): Promise<{ startOffset: Offset }> {
    const path = ['topics', topic, 'partitions', partition, 'records']
    const query = { before: beforeOffset }
    return this.#json(DeleteRecordsAnswer, { method: 'DELETE', path, query, ...call })
  }

  async heartbeat({ groupId, ...request }: Heartbeat, call?: CallOptions): Promise<HeartbeatAnswer> {
    const path = pathOfGroup(groupId, 'heartbeat')
    return this.#json(HeartbeatAnswerSchema, { method: 'POST', path, ...jsonBody(request), ...call })
  }

  async leaveGroup({ groupId, memberId, instanceId }: LeaveGroup, call?: CallOptions): Promise<void> {
    await this.#delete(pathOfGroup(groupId, 'members', memberId), { instanceId }, call)
  }

  async commitOffsets(
    { groupId, ...request }: CommitOffsets,
    call?: CallOptions,
  ): Promise<CommittedPartition[]> {
    const path = pathOfGroup(groupId, 'offsets')
    const sent = { method: 'POST', path, ...jsonBody(request), ...call } as const
    const { offsets } = await this.#json(CommitOffsetsAnswer, sent)
    return offsets
  }

  async fetchOffsets(
    { groupId, topics, tellsPending }: Parameters<GroupBroker['fetchOffsets']>[0],
    call?: CallOptions,
  ): Promise<GroupOffset[]> {
    // No topic in the query means all of them.
    if (topics?.length === 0) return []
    const path = pathOfGroup(groupId, 'offsets')
    const { offsets } = await this.#json(GroupOffsetsAnswer, {
      method: 'GET',
      path,
      query: { topic: topics, pending: tellsPending ? 'told' : undefined },
      ...call,
    })
    return offsets
  }

  async listGroups(call?: CallOptions): Promise<GroupSummary[]> {
    const { groups } = await this.#json(GroupListAnswer, { method: 'GET', path: ['groups'], ...call })
    return groups
  }

  async describeGroup(groupId: string, call?: CallOptions): Promise<GroupDescription> {
    return this.#json(GroupAnswer, { method: 'GET', path: pathOfGroup(groupId), ...call })
  }

  async deleteGroup(groupId: string, call?: CallOptions): Promise<void> {
    await this.#delete(pathOfGroup(groupId), {}, call)
  }

  async listTriggers(call?: CallOptions): Promise<TriggerDescription[]> {
    const { triggers } = await this.#json(TriggerListAnswer, { method: 'GET', path: ['triggers'], ...call })
    return triggers
  }

  async pauseTrigger({ groupId, topic }: TriggerName, call?: CallOptions): Promise<TriggerDescription> {
    const path = pathOfGroup(groupId, 'triggers', topic, 'pause')
    return this.#json(TriggerAnswer, { method: 'POST', path, ...call })
  }

  async resumeTrigger({ groupId, topic }: TriggerName, call?: CallOptions): Promise<TriggerDescription> {
    const path = pathOfGroup(groupId, 'triggers', topic, 'resume')
    return this.#json(TriggerAnswer, { method: 'POST', path, ...call })
  }

  async deleteTrigger({ groupId, topic }: TriggerName, call?: CallOptions): Promise<void> {
    await this.#delete(pathOfGroup(groupId, 'triggers', topic), {}, call)
  }

  async #delete(
    path: HttpRequest['path'],
    query: NonNullable<HttpRequest['query']>,
    call?: CallOptions,
  ): Promise<void> {
    await this.#transport.send({ method: 'DELETE', path, query, accept: JSON_TYPE, ...call }, () => {})
  }

  async #poll<T>(
    { topic, topicId, partition, offset, maxBytes, minBytes, maxWaitMs, signal: hurry }: Fetch,
    { signal }: CallOptions = {},
    send: (
      path: HttpRequest['path'],
      query: NonNullable<HttpRequest['query']>,
      endings: Pick<HttpRequest, 'signal' | 'hurry'>,
    ) => Promise<T>,
  ): Promise<T> {
    const path = ['topics', topic, 'partitions', partition, 'records']
    const query = { offset, maxBytes, topicId }
    const ask = (
      wait: Pick<Fetch, 'minBytes' | 'maxWaitMs'>,
      endings: Pick<HttpRequest, 'signal' | 'hurry'>,
    ) => send(path, { ...query, ...wait }, endings)
    return await hurried(ask, { minBytes, maxWaitMs }, { signal, hurry })
  }

  /**
   * Asks for many partitions by one request, or for one after the other where this broker does not take that. Those of one
   * topic by a path of its own, since a client may be let in there and not to all topics.
   */
  async #together<T extends Fetched | Located>(
    request: FetchMany,
    call: CallOptions | undefined,
    fetchOne: (request: Fetch) => Promise<T>,
    send: (request: Omit<HttpRequest, 'accept'>, asked: readonly FetchPartition[]) => Promise<EachAnswers<T>>,
    more: { locate?: true } = {},
  ): Promise<EachAnswers<T>> {
    const { partitions, maxBytes, minBytes, maxWaitMs, listener, signal: hurry } = request
    const [first] = partitions
    if (first === undefined) return { partitions: [] }
    const { topic } = first
    const isOneTopic = topic !== undefined && partitions.every(each => each.topic === topic)
    const path = isOneTopic ? ['topics', topic, 'fetch'] : ['fetch']
    const asked = isOneTopic ? partitions.map(({ topic: _, ...rest }) => rest) : partitions
    const way = isOneTopic ? 'topic' : 'all'
    const apart = () => {
      const topics = groupBy(partitions.keys(), index => partitions[index]!.topic)
      if (topics.size === 1) return fetchEach(request, fetchOne)
      // By topic: a client may be let in there.
      return fetchApart(request, [...topics.values()], one => this.#together(one, call, fetchOne, send, more))
    }
    if ((this.#missing.get(way) ?? 0) > performance.now()) return apart()
    const ask = (
      wait: Pick<FetchMany, 'minBytes' | 'maxWaitMs'>,
      endings: Pick<HttpRequest, 'signal' | 'hurry'>,
    ) =>
      send(
        {
          method: 'POST',
          path,
          ...jsonBody({ partitions: asked, maxBytes, listener, ...wait, ...more }),
          isRead: true,
          isOptional: true,
          waitMs: wait.maxWaitMs ?? 0,
          ...endings,
        },
        partitions,
      )
    try {
      return await hurried(ask, { minBytes, maxWaitMs }, { signal: call?.signal, hurry })
    } catch (error) {
      if (!(error instanceof RouteMissing)) throw error
      this.#missing.set(way, performance.now() + MISSING_MS)
      return apart()
    }
  }

  #json<S extends z.ZodType>(
    schema: S,
    request: Omit<HttpRequest, 'accept'>,
    transport = this.#transport,
  ): Promise<z.output<S>> {
    return askJson(transport, schema, request)
  }
}

/**
 * A fetch whose own signal aborts is asked again without waiting: the answer is then what there is. After the call's
 * signal nobody wants an answer.
 */
async function hurried<T, Wait>(
  ask: (wait: Partial<Wait>, endings: Pick<HttpRequest, 'signal' | 'hurry'>) => Promise<T>,
  wait: Wait,
  { signal, hurry }: Pick<HttpRequest, 'signal' | 'hurry'>,
): Promise<T> {
  if (!hurry?.aborted) {
    try {
      return await ask(wait, { signal, hurry })
    } catch (error) {
      if (!hurry?.aborted || signal?.aborted || error instanceof RouteMissing) throw error
    }
  }
  return ask({}, { signal })
}

/** @throws INVALID_GROUP_ID: also for ids that would mean another place in a path */
function pathOfGroup(groupId: string, ...rest: string[]): string[] {
  checkGroupId(groupId)
  return ['groups', ...[groupId, ...rest].map(toPathText)]
}
