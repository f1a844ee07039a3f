import type { AddressOptions, AwsStoreAddress } from './broker-address.ts'
import { UsageError } from './failure.ts'
import type { StackOutputs } from './stack-outputs.ts'

/** The options that mean something only beside --aws, as they were given. */
export function awsOptionsGiven({ table, bucket, endpoint }: AddressOptions): string[] {
  const options = { '--table': table, '--bucket': bucket, '--endpoint': endpoint }
  return Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [name]))
}

/** The bucket and the table: from options, from a stack's outputs, from variables, in this order. */
export function chooseAwsStore(
  options: AddressOptions,
  outputs: StackOutputs,
  environment: NodeJS.ProcessEnv,
): AwsStoreAddress {
  const table = options.table ?? outputs.table ?? environment.TIDEMARK_TABLE
  const bucket = options.bucket ?? outputs.bucket ?? environment.TIDEMARK_BUCKET
  if (!table || !bucket) {
    throw new UsageError(
      `--aws needs to know the ${table ? 'bucket' : bucket ? 'table' : 'table and the bucket'}: give --table and --bucket, the ` +
        "stack's --outputs, or TIDEMARK_TABLE and TIDEMARK_BUCKET",
    )
  }
  const { endpoint = null, region = outputs.region ?? null } = options
  if (endpoint !== null && !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? '')) {
    throw new UsageError(`'${endpoint}' is no endpoint: give a URL such as http://127.0.0.1:4566`)
  }
  return { table, bucket, region, endpoint }
}
