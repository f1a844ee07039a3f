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
import { BATCHES_TYPE, JSON_TYPE } from '../contract/http/media-types.ts'
import {
  END_OFFSET_HEADER,
  NEXT_OFFSET_HEADER,
  START_OFFSET_HEADER,
} from '../contract/http/records/offset-headers.ts'
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
  OffsetAnswer,
  ProduceBatchesAnswer,
} from '../contract/http/schemas/records.ts'
import { TopicAnswer, TopicListAnswer } from '../contract/http/schemas/topics.ts'
import { TriggerAnswer, TriggerListAnswer } from '../contract/http/schemas/triggers.ts'
import type { TriggerBroker, TriggerDescription, TriggerName } from '../contract/triggers.ts'
import { TidemarkError } from '../core/errors.ts'
import { checkGroupId } from '../core/group/identity.ts'
import { type Offset, toOffset } from '../core/numbers.ts'
import { fetchEach } from './fetch-each.ts'
import { type HttpBrokerSettings, type HttpRequest, HttpTransport } from './http-transport.ts'

/**
 * A broker somewhere else, over HTTP. It never sends anything a second time: where the outcome of a write is
 * unknown, the error says so, and whoever called knows whether a repetition does harm.
 */
export class HttpBroker implements Broker, GroupBroker, TriggerBroker {
  readonly #transport: HttpTransport

  constructor(settings: HttpBrokerSettings) {
    this.#transport = new HttpTransport(settings)
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
    const { baseOffset, records, startOffset, logAppendTimeMs } = await this.#json(ProduceBatchesAnswer, {
      method: 'POST',
      path: ['topics', topic, 'records'],
      query: { partition },
      contentType: BATCHES_TYPE,
      body: batches,
      ...call,
    })
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
      return {
        ...located,
        ranges: located.ranges.map(range =>
          'inline' in range
            ? { ...range, span: range.span ?? range.records, inline: fromBase64(range.inline) }
            : {
                ...range,
                span: range.span ?? range.records,
                url: this.#transport.completeUrl(range.url),
              },
        ),
      }
    })
  }

  fetchMany(request: FetchMany, call?: CallOptions): Promise<FetchedMany> {
    return fetchEach(request, one => this.fetch(one, call))
  }

  locateMany(request: FetchMany, call?: CallOptions): Promise<LocatedMany> {
    return fetchEach(request, one => this.locate(one, call))
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
    { groupId, topics }: { groupId: string; topics?: readonly string[] },
    call?: CallOptions,
  ): Promise<GroupOffset[]> {
    // No topic in the query means all of them.
    if (topics?.length === 0) return []
    const path = pathOfGroup(groupId, 'offsets')
    const { offsets } = await this.#json(GroupOffsetsAnswer, {
      method: 'GET',
      path,
      query: { topic: topics },
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
    // Read to its end, or the connection could not be used again.
    await this.#transport.send({ method: 'DELETE', path, query, accept: JSON_TYPE, ...call }, response =>
      response.arrayBuffer(),
    )
  }

  /**
   * A fetch whose own signal aborts is asked again without waiting: the answer is then what there is. After the call's
   * signal nobody wants an answer.
   */
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
    if (!hurry?.aborted) {
      try {
        return await send(path, { ...query, minBytes, maxWaitMs }, { signal, hurry })
      } catch (error) {
        if (!hurry?.aborted || signal?.aborted) throw error
      }
    }
    return send(path, query, { signal })
  }

  #json<S extends z.ZodType>(schema: S, request: Omit<HttpRequest, 'accept'>): Promise<z.output<S>> {
    return this.#transport.send({ ...request, accept: JSON_TYPE }, async response => {
      const result = schema.safeParse(await response.json())
      if (result.success) return result.data
      throw notUnderstood(result.error.message, request.method)
    })
  }
}

/** @throws INVALID_GROUP_ID: also for ids that would mean another place in a path */
function pathOfGroup(groupId: string, ...rest: string[]): string[] {
  checkGroupId(groupId)
  return ['groups', ...[groupId, ...rest].map(toPathText)]
}

function jsonBody(value: unknown): { contentType: string; body: string } {
  return { contentType: JSON_TYPE, body: JSON.stringify(value) }
}

async function readBatches(response: Response): Promise<Fetched> {
  const bytes = new Uint8Array(await response.arrayBuffer())
  return {
    startOffset: offsetHeader(response, START_OFFSET_HEADER),
    endOffset: offsetHeader(response, END_OFFSET_HEADER),
    nextOffset: offsetHeader(response, NEXT_OFFSET_HEADER),
    chunks: bytes.length === 0 ? [] : [bytes],
  }
}

function offsetHeader(response: Response, name: string): Offset {
  const text = response.headers.get(name) ?? ''
  if (!/^\d{1,16}$/.test(text)) throw notUnderstood(`the header ${name} is ${JSON.stringify(text)}`, 'GET')
  return toOffset(Number(text))
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'base64'))
}

/** Success was said, so what was to be written is written. */
function notUnderstood(reason: string, method: string): TidemarkError {
  const message = `The answer is not one that this client understands: is the broker of another version? (${reason})`
  return new TidemarkError('UNSUPPORTED_VERSION', message, method === 'GET' ? 'no' : 'yes')
}
