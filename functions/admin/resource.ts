import type * as z from 'zod'
import { TidemarkError } from '../../src/core/errors.ts'
import { NOT_CREATED, type ResourceEvent } from './resource-function.ts'

interface Resource<Properties> {
  /** @throws TidemarkError INVALID_REQUEST */
  read(properties: unknown): Properties
  create(wanted: Properties): Promise<string>
  /** Tells its id: another one than before makes CloudFormation delete the old one after. */
  update(wanted: Properties, before: Properties, id: string): Promise<string>
  remove(wanted: Properties, id: string): Promise<void>
}

/** Does what CloudFormation asks for, and tells the resource's id. */
export async function carryOut<Properties>(
  { read, create, update, remove }: Resource<Properties>,
  event: ResourceEvent,
): Promise<string> {
  const {
    RequestType,
    PhysicalResourceId: id = NOT_CREATED,
    ResourceProperties,
    OldResourceProperties,
  } = event
  if (RequestType === 'Delete' && id === NOT_CREATED) return id
  const wanted = read(ResourceProperties)
  switch (RequestType) {
    case 'Create':
      return await create(wanted)
    case 'Update':
      return await update(wanted, read(OldResourceProperties), id)
    case 'Delete':
      await remove(wanted, id)
      return id
    default:
      throw new TidemarkError(
        'INVALID_REQUEST',
        `CloudFormation asks for "${RequestType}", which is not known here.`,
      )
  }
}

/**
 * @param what `topic`, as messages call it
 * @throws TidemarkError INVALID_REQUEST
 */
export function readProperties<Schema extends z.ZodType>(
  what: string,
  schema: Schema,
  properties: unknown,
): z.infer<Schema> {
  const { success, data, error } = schema.safeParse(properties)
  if (success) return data
  const issues = error.issues.map(({ path, message }) => `${path.join('.') || 'properties'}: ${message}`)
  throw new TidemarkError('INVALID_REQUEST', `The ${what}'s properties are not valid. ${issues.join('; ')}.`)
}

/** Whether an error is the one that Kafka calls so. */
export function isKafka(error: unknown, name: TidemarkError['kafkaName']): boolean {
  return error instanceof TidemarkError && error.kafkaName === name
}
