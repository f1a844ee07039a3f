import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib'
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb'
import * as s3 from 'aws-cdk-lib/aws-s3'
import type { Construct } from 'constructs'
import { KEY_ATTRIBUTES, PRODUCER_ATTRIBUTES } from '../src/core/storage-layout.ts'

export interface Stores {
  readonly table: dynamodb.Table
  readonly bucket: s3.Bucket
}

interface StoresProps {
  readonly isProduction: boolean
  readonly serverAccessLogsBucket: s3.IBucket | undefined
}

/** A broker's bucket and table, which outlive it in production. */
export function makeStores(scope: Construct, { isProduction, serverAccessLogsBucket }: StoresProps): Stores {
  const removalPolicy = isProduction ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY
  const bucket = new s3.Bucket(scope, 'Bucket', {
    encryption: s3.BucketEncryption.S3_MANAGED,
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
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
  const table = new dynamodb.Table(scope, 'Table', {
    partitionKey: { name: KEY_ATTRIBUTES.partition, type: dynamodb.AttributeType.STRING },
    sortKey: { name: KEY_ATTRIBUTES.sort, type: dynamodb.AttributeType.STRING },
    billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
    encryption: dynamodb.TableEncryption.DEFAULT,
    // Items of producers that have been silent for a day.
    timeToLiveAttribute: PRODUCER_ATTRIBUTES.expirySeconds,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    // The flush function reads the head itself: what it decides from must not be out of date.
    stream: dynamodb.StreamViewType.KEYS_ONLY,
    deletionProtection: isProduction,
    removalPolicy,
  })
  return { bucket, table }
}
