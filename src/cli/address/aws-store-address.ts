import { parseUrl } from '../../core/since-node-22.ts'
import { UsageError } from '../output/failure.ts'
import type { StackOutputs } from './stack-outputs.ts'

/** The options that say where a store on AWS is; without one, `region` is for signatures. */
export interface AwsStoreOptions {
  table?: string
  bucket?: string
  endpoint?: string
  region?: string
}

/** A bucket and a table, for a broker in this process. What is null is left to the AWS SDK. */
export interface AwsStoreAddress {
  table: string
  bucket: string
  region: string | null
  endpoint: string | null
}

/** The options that mean something only beside --aws, as they were given. */
export function awsOptionsGiven({ table, bucket, endpoint }: AwsStoreOptions): string[] {
  const options = { '--table': table, '--bucket': bucket, '--endpoint': endpoint }
  return Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [name]))
}

/** The bucket and the table: from options, from a stack's outputs, from variables, in this order. */
export function chooseAwsStore(
  options: AwsStoreOptions,
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
  if (endpoint !== null && !/^https?:$/.test(parseUrl(endpoint)?.protocol ?? '')) {
    throw new UsageError(`'${endpoint}' is no endpoint: give a URL such as http://127.0.0.1:4566`)
  }
  return { table, bucket, region, endpoint }
}
