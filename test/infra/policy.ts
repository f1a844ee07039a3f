import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { S3Client } from '@aws-sdk/client-s3'
import { UsageMeter } from '../../src/adapters/aws/usage-meter.ts'

/** A request as IAM sees it; tables, buckets and objects by their names, without the rest of an ARN. */
export interface AskedOfAws {
  readonly action: string
  readonly resource: string
  /** The partition keys of all items that it is about: DynamoDB's `dynamodb:LeadingKeys`. */
  readonly leadingKeys?: readonly string[]
  /** Of S3's puts, where it has one: `s3:if-none-match`. */
  readonly ifNoneMatch?: string
}

/** A statement of a policy, its resources as those of requests. */
export interface Statement {
  readonly Effect: string
  readonly Action: string | readonly string[]
  readonly Resource: string | readonly string[]
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>
}

/** As IAM evaluates allowing statements, as far as ours go. @throws Error where there is something that it does not know */
export function isAllowed(statements: readonly Statement[], asked: AskedOfAws): boolean {
  return statements.some(({ Effect, Action, Resource, Condition = {} }) => {
    if (Effect !== 'Allow') throw new Error('a statement that denies is not known here')
    const isMeant =
      [Action].flat().includes(asked.action) && [Resource].flat().some(each => isLike(each, asked.resource))
    return (
      isMeant &&
      Object.entries(Condition).every(([operator, keys]) =>
        Object.entries(keys).every(([key, values]) => holds(operator, key, [values].flat(), asked)),
      )
    )
  })
}

function holds(operator: string, key: string, values: readonly string[], asked: AskedOfAws): boolean {
  switch (`${operator} ${key}`) {
    case 'ForAllValues:StringLike dynamodb:LeadingKeys':
      return (asked.leadingKeys ?? []).every(each => values.some(pattern => isLike(pattern, each)))
    case 'Null s3:if-none-match':
      return values[0] === String(asked.ifNoneMatch === undefined)
    default:
      throw new Error(`the condition ${operator} of ${key} is not known here`)
  }
}

function isLike(pattern: string, text: string): boolean {
  const parts = pattern.split('*').map(part => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text)
}

// biome-ignore lint/suspicious/noExplicitAny: the inputs of a dozen commands, of which a few members count.
type Input = any

/** Writes down what a store's clients ask for. */
export class RequestRecorder extends UsageMeter {
  readonly #asked: AskedOfAws[]

  constructor(asked: AskedOfAws[]) {
    super()
    this.#asked = asked
  }

  override watch(client: DynamoDBClient | S3Client): void {
    const stack = client.middlewareStack as DynamoDBClient['middlewareStack']
    stack.add(
      (next, context) => async given => {
        this.#asked.push(asRequest((context.commandName ?? '').replace(/Command$/, ''), given.input))
        return await next(given)
      },
      { step: 'initialize', name: 'tidemarkRecordRequests' },
    )
  }
}

function asRequest(command: string, input: Input): AskedOfAws {
  if (input.TableName === undefined && input.RequestItems === undefined) {
    // A request for what an object is like asks for the same right as one for its bytes.
    const action = `s3:${command === 'HeadObject' ? 'GetObject' : command.replace(/^ListObjectsV2$/, 'ListBucket')}`
    const resource = input.Key === undefined ? input.Bucket : `${input.Bucket}/${input.Key}`
    return { action, resource, ...(input.IfNoneMatch !== undefined && { ifNoneMatch: input.IfNoneMatch }) }
  }
  const [table] = input.TableName === undefined ? Object.keys(input.RequestItems) : [input.TableName]
  return { action: `dynamodb:${command}`, resource: table!, leadingKeys: [...new Set(leadingKeysIn(input))] }
}

function leadingKeysIn(input: Input): string[] {
  if (input.Key) return [input.Key.pk.S]
  if (input.Item) return [input.Item.pk.S]
  if (input.KeyConditionExpression) {
    const name = /\bpk = (:\w+)/.exec(input.KeyConditionExpression)?.[1]
    return [input.ExpressionAttributeValues[name!].S]
  }
  const batches = Object.values(input.RequestItems ?? {}).flat() as Input[]
  if (batches.length === 0) throw new Error('a request whose keys are not known')
  return batches.map(each => (each.DeleteRequest?.Key ?? each.PutRequest.Item).pk.S)
}
