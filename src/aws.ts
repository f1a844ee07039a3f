/**
 * Tidemark on AWS, as a library: a broker in this process on S3 and DynamoDB, and requests signed for a deployed one.
 *
 * ```ts
 * const { broker, close } = openAws({ table: 'tidemark', bucket: 'tidemark-segments' })
 *
 * const url = 'https://….execute-api.eu-west-1.amazonaws.com'
 * const deployed = new HttpBroker({ url, sign: signedByAws({ url }) })
 * ```
 */

export type { AwsStoreOptions } from './adapters/aws/aws-store.ts'
export {
  type AwsCredentials,
  type RequestSignerOptions,
  signedByAws,
} from './adapters/aws/signing/request-signer.ts'
export { openAws } from './embedded/aws.ts'
export type { Embedded, EmbeddedOptions } from './embedded/running-broker.ts'
