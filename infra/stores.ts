import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib'
import { AttributeType, BillingMode, StreamViewType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb'
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket } from 'aws-cdk-lib/aws-s3'
import type { Construct } from 'constructs'
import { KEY_ATTRIBUTES, PRODUCER_ATTRIBUTES } from '../src/core/storage-layout.ts'

/** What the functions work on. */
export interface Stores {
  readonly table: Table
  readonly bucket: Bucket
}

interface StoresProps {
  readonly isProduction: boolean
  readonly serverAccessLogsBucket: IBucket | undefined
}

/** A broker's bucket and table, which outlive it in production. */
export function makeStores(scope: Construct, { isProduction, serverAccessLogsBucket }: StoresProps): Stores {
  const removalPolicy = isProduction ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY
  const bucket = new Bucket(scope, 'Bucket', {
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    // Objects never change, so a second version of one would be a copy that somebody pays for.
    versioned: false,
    lifecycleRules: [{ id: 'UnfinishedUploads', abortIncompleteMultipartUploadAfter: Duration.days(1) }],
    ...(serverAccessLogsBucket && { serverAccessLogsBucket }),
    removalPolicy,
    autoDeleteObjects: !isProduction,
  })
  if (!serverAccessLogsBucket) {
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Only the functions read and write objects, and the API logs who called them. A log of each request to S3 ' +
        'would be a second bucket that costs more than it tells; serverAccessLogsBucket turns it on.',
    })
  }
  const table = new Table(scope, 'Table', {
    partitionKey: { name: KEY_ATTRIBUTES.partition, type: AttributeType.STRING },
    sortKey: { name: KEY_ATTRIBUTES.sort, type: AttributeType.STRING },
    billingMode: BillingMode.PAY_PER_REQUEST,
    encryption: TableEncryption.DEFAULT,
    // Items of producers that have been silent for a day.
    timeToLiveAttribute: PRODUCER_ATTRIBUTES.expirySeconds,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    // The flush function reads the head itself: what it decides from must not be out of date.
    stream: StreamViewType.KEYS_ONLY,
    deletionProtection: isProduction,
    removalPolicy,
  })
  return { bucket, table }
}
