import type { z } from 'zod'
import type { CallOptions } from '../contract/broker.ts'
import type { CommittedPartition } from '../contract/groups.ts'
import { fromStaged } from '../contract/http/records/staged-batches.ts'
import { toPathText } from '../contract/http/requests/path-text.ts'
import {
  EndTransactionAnswer,
  InitProducerAnswer,
  PartitionResultsAnswer,
  TransactionAnswer,
  TransactionListAnswer,
  TransactionOffsetsAnswer,
} from '../contract/http/schemas/transactions.ts'
import type {
  AddPartitions,
  CommitTransactionOffsets,
  EndedTransaction,
  EndTransaction,
  InitializedProducer,
  InitProducer,
  ListTransactions,
  PartitionResult,
  StageBatches,
  TransactionBroker,
  TransactionDescription,
  TransactionSummary,
} from '../contract/transactions.ts'
import { checkTransactionalId } from '../core/group/identity.ts'
import type { HttpTransport } from './http-transport.ts'
import { askJson, jsonBody } from './json-requests.ts'

/** The transactions of a broker somewhere else, over HTTP. Nothing is sent a second time. */
export class HttpTransactions implements TransactionBroker {
  readonly #transport: HttpTransport

  constructor(transport: HttpTransport) {
    this.#transport = transport
  }

  async initProducer(request: InitProducer, call?: CallOptions): Promise<InitializedProducer> {
    const { transactionalId, producerId, ...rest } = request
    const body = { ...rest, ...(producerId !== undefined && { producerId: String(producerId) }) }
    const told = await this.#post(InitProducerAnswer, pathOf(transactionalId), body, call)
    return { ...told, producerId: BigInt(told.producerId) }
  }

  async addPartitions(request: AddPartitions, call?: CallOptions): Promise<PartitionResult[]> {
    const { transactionalId, producerId, ...rest } = request
    const body = { ...rest, producerId: String(producerId) }
    const path = pathOf(transactionalId, 'partitions')
    return (await this.#post(PartitionResultsAnswer, path, body, call)).partitions
  }

  async stage(request: StageBatches, call?: CallOptions): Promise<PartitionResult[]> {
    const { transactionalId, producerId, batches, ...rest } = request
    const body = { ...rest, producerId: String(producerId), batches: fromStaged(batches) }
    const path = pathOf(transactionalId, 'batches')
    return (await this.#post(PartitionResultsAnswer, path, body, call)).partitions
  }

  async commitTransactionOffsets(
    request: CommitTransactionOffsets,
    call?: CallOptions,
  ): Promise<CommittedPartition[]> {
    const { transactionalId, producerId, ...rest } = request
    const body = { ...rest, producerId: String(producerId) }
    const path = pathOf(transactionalId, 'offsets')
    return (await this.#post(TransactionOffsetsAnswer, path, body, call)).offsets
  }

  async endTransaction(request: EndTransaction, call?: CallOptions): Promise<EndedTransaction> {
    const { transactionalId, producerId, batches, ...rest } = request
    const staged = batches && { batches: fromStaged(batches) }
    const body = { ...rest, producerId: String(producerId), ...staged }
    return await this.#post(EndTransactionAnswer, pathOf(transactionalId, 'end'), body, call)
  }

  async listTransactions(request: ListTransactions = {}, call?: CallOptions): Promise<TransactionSummary[]> {
    const { states, producerIds, durationMsMin } = request
    const only = producerIds?.length === 1 ? String(producerIds[0]) : undefined
    const query = { state: states?.length ? states : undefined, producerId: only, durationMsMin }
    const asked = { method: 'GET', path: ['transactions'], query, ...call } as const
    const { transactions } = await askJson(this.#transport, TransactionListAnswer, asked)
    const all = transactions.map(({ producerId, ...each }) => ({ ...each, producerId: BigInt(producerId) }))
    return producerIds?.length ? all.filter(({ producerId }) => producerIds.includes(producerId)) : all
  }

  async describeTransaction(transactionalId: string, call?: CallOptions): Promise<TransactionDescription> {
    return await this.#describe('GET', transactionalId, call)
  }

  async abortTransaction(transactionalId: string, call?: CallOptions): Promise<TransactionDescription> {
    return await this.#describe('DELETE', transactionalId, call)
  }

  async #describe(
    method: 'GET' | 'DELETE',
    transactionalId: string,
    call: CallOptions | undefined,
  ): Promise<TransactionDescription> {
    const request = { method, path: pathOf(transactionalId), ...call }
    const { producerId, ...told } = await askJson(this.#transport, TransactionAnswer, request)
    return { ...told, producerId: BigInt(producerId) }
  }

  #post<S extends z.ZodType>(
    schema: S,
    path: string[],
    body: unknown,
    call: CallOptions | undefined,
  ): Promise<z.output<S>> {
    return askJson(this.#transport, schema, { method: 'POST', path, ...jsonBody(body), ...call })
  }
}

/** @throws INVALID_REQUEST: also for ids that would mean another place in a path */
function pathOf(transactionalId: string, ...rest: string[]): string[] {
  checkTransactionalId(transactionalId)
  return ['transactions', ...[transactionalId, ...rest].map(toPathText)]
}
