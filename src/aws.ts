/**
 * Tidemark on AWS, as a library: requests signed for a deployed broker.
 *
 * ```ts
 * const url = 'https://….execute-api.eu-west-1.amazonaws.com'
 * const broker = new HttpBroker({ url, sign: signedByAws({ url }) })
 * ```
 */

export { type AwsCredentials, type RequestSignerOptions, signedByAws } from './adapters/aws/request-signer.ts'
