import type { DynamoDBClient, ServiceInputTypes } from '@aws-sdk/client-dynamodb'
import type { S3Client } from '@aws-sdk/client-s3'

export interface OperationUsage {
  /** Every try counts, as on the bill. */
  readonly requests: number
  /** DynamoDB's read request units. */
  readonly readUnits: number
  /** DynamoDB's write request units. */
  readonly writeUnits: number
  /** Of the requests' bodies, as far as their length was told. */
  readonly bytesSent: number
  /** Of the answers' bodies, as far as their length was told. */
  readonly bytesReceived: number
}

/** Usage by operation: UpdateItem, GetItem, PutObject, GetObject, … */
export type Usage = Readonly<Record<string, OperationUsage>>

type Counted = { -readonly [Name in keyof OperationUsage]: OperationUsage[Name] }

interface Message {
  readonly headers?: Readonly<Record<string, string>>
}

const READS: readonly string[] = ['GetItem', 'Query', 'Scan', 'BatchGetItem']

/**
 * Counts what S3 and DynamoDB are asked for and what it costs. A write whose condition failed costs units that
 * DynamoDB does not tell; its request is counted.
 */
export class UsageMeter {
  #operations = new Map<string, Counted>()

  /** Counts, from now on, every request that this client sends. */
  watch(client: DynamoDBClient | S3Client): void {
    // Both clients' stacks are the same but for the types of what passes through.
    const stack = client.middlewareStack as DynamoDBClient['middlewareStack']
    stack.add(
      (next, context) => async arguments_ => {
        const result = await next({ ...arguments_, input: askingForUnits(arguments_.input) })
        this.#countUnits(context.commandName ?? 'unknown', result.output)
        return result
      },
      { step: 'initialize', name: 'tidemarkCountUnits' },
    )
    // The lowest priority in this step lies inside the SDK's retries, so that each try passes.
    stack.add(
      (next, context) => async arguments_ => {
        const counted = this.#operation(context.commandName ?? 'unknown')
        counted.requests += 1
        counted.bytesSent += bodyBytes(arguments_.request)
        const result = await next(arguments_)
        counted.bytesReceived += bodyBytes(result.response)
        return result
      },
      { step: 'deserialize', priority: 'low', name: 'tidemarkCountRequests' },
    )
  }

  /** What has been counted so far, for ever the same. */
  usage(): Usage {
    return Object.fromEntries([...this.#operations].map(([name, counted]) => [name, { ...counted }]))
  }

  reset(): void {
    this.#operations.clear()
  }

  #operation(commandName: string): Counted {
    const name = operationName(commandName)
    const known = this.#operations.get(name)
    if (known) return known
    const counted = { requests: 0, readUnits: 0, writeUnits: 0, bytesSent: 0, bytesReceived: 0 }
    this.#operations.set(name, counted)
    return counted
  }

  #countUnits(commandName: string, output: object): void {
    if (!('ConsumedCapacity' in output) || !output.ConsumedCapacity) return
    // A batch tells them by table.
    const consumed = [output.ConsumedCapacity].flat() as { CapacityUnits?: number }[]
    const units = consumed.reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0)
    const counted = this.#operation(commandName)
    if (READS.includes(operationName(commandName))) counted.readUnits += units
    else counted.writeUnits += units
  }
}

/** DynamoDB requests that change something: what the cost of a commit is counted in. */
export function countTableWrites(usage: Usage): number {
  const writes = ['UpdateItem', 'PutItem', 'DeleteItem', 'BatchWriteItem']
  return writes.reduce((sum, name) => sum + (usage[name]?.requests ?? 0), 0)
}

/** The units come with the answer only when they are asked for. S3's requests know no such member and drop it. */
function askingForUnits<Input extends ServiceInputTypes>(input: Input): Input {
  return { ...input, ReturnConsumedCapacity: 'TOTAL' }
}

function operationName(commandName: string): string {
  return commandName.replace(/Command$/, '')
}

function bodyBytes(message: unknown): number {
  return Number((message as Message | undefined)?.headers?.['content-length'] ?? 0)
}
