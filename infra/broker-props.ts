import type { Duration } from 'aws-cdk-lib'
import type * as logs from 'aws-cdk-lib/aws-logs'
import type * as s3 from 'aws-cdk-lib/aws-s3'
import type { BrokerAuth } from './api.ts'

export interface TidemarkBrokerProps {
  /**
   * Whether the data is worth more than a clean tear-down. true: table and bucket outlive the stack, and the table
   * cannot be deleted before its deletion protection is taken off. false: deleting the stack deletes all records.
   * Default: true.
   */
  readonly production?: boolean
  /** Default: 'iam'. */
  readonly auth?: BrokerAuth
  /**
   * How long the flush function gathers changes before it moves payloads from the table into a shared object.
   * Longer means fewer and larger objects. At most 5 minutes. Default: 1 minute.
   */
  readonly flushWindow?: Duration
  /**
   * For how long objects stay in the bucket that nothing needs any more: as far back can the table be restored to an earlier
   * point and still find all of its objects. At least 1 hour, for consumers that read them just now. Default: 1 day.
   */
  readonly recoveryWindow?: Duration
  /** Of the functions and of the API's access log. Default: one month. */
  readonly logRetention?: logs.RetentionDays
  /** Alarms and a dashboard. A dashboard costs $3 a month where an account has three already. Default: true. */
  readonly monitoring?: boolean
  /**
   * A line for each request in the logs of the functions, beside those that Lambda writes itself: some $0.40 a million. Without it
   * there are lines for what fails and for what is slow, and one a minute with what all the others came to. Default: false.
   */
  readonly requestLog?: boolean
  /**
   * A URL of the produce function's own, beside the API: it asks for AWS signatures, too, and costs nothing by request. Whom
   * `grantProduceUrl` lets in may append to all topics, since it knows no paths. Default: false.
   */
  readonly produceUrl?: boolean
  /** The API's own log of who called what, some $0.13 a million requests. Default: true. */
  readonly accessLog?: boolean
  /** Traces through X-Ray. Makes cold starts slower. Default: false. */
  readonly tracing?: boolean
  /** Where S3 logs who read and wrote objects. Default: nowhere, since only the functions do. */
  readonly serverAccessLogsBucket?: s3.IBucket
  /**
   * How many partitions are delivered to functions at the same time at most, all triggers together: 2 to 1,000.
   * Default: as many as the account's concurrency allows.
   */
  readonly triggerMaxConcurrency?: number
  /**
   * Whether consumers wait on a WebSocket until they are woken, and not with one long poll after another, each of which is paid for. Needs
   * `auth: 'iam'`. Default: where the broker is in production and asks for signatures.
   */
  readonly waking?: boolean
  /** A directory with `<function>/index.mjs` for each function. Default: the bundles of this package. */
  readonly bundles?: string
}
