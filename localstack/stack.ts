import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import {
  CloudFormationClient,
  DeleteStackCommand,
  DescribeStackResourcesCommand,
  waitUntilStackDeleteComplete,
} from '@aws-sdk/client-cloudformation'
import { PutBucketTaggingCommand, S3Client } from '@aws-sdk/client-s3'
import { MINISTACK_HEALTH_PATH } from './ministack.ts'

const run = promisify(execFile)

const PROJECT = join(import.meta.dirname, '..')
const ACCOUNT = '000000000000'
const REGION = 'us-east-1'
const BOOTSTRAP_MS_MAX = 120_000
// An emulator can wait an hour for a custom resource that has crashed.
const DEPLOY_MS_MAX = 300_000
const DELETE_SECONDS_MAX = 120
const CDK_OUTPUT_BYTES_MAX = 64 * 1024 * 1024

/** Where a stack goes. */
export interface Deployment {
  /** The emulator. */
  readonly endpoint: string
  readonly stackName?: string
  /** Where the stack's outputs are written, in the form of `cdk deploy --outputs-file`. */
  readonly outputsFile: string
  /** The command that makes the templates, in the project's folder. Default: the one in cdk.json. */
  readonly app?: string
  /** Further `-c name=value` of the app. */
  readonly context?: Readonly<Record<string, string>>
}

/**
 * Prepares the emulator's account for CDK; may be repeated, but not while it is under way.
 * @throws Error with the end of CDK's output, or where no emulator answers
 */
export async function bootstrapAccount(endpoint: string): Promise<void> {
  // Away from cdk.json: bootstrapping needs no app, and making the app's templates takes longer than the rest.
  const options = { cwd: import.meta.dirname, env: await cdkEnvironment(endpoint), timeout: BOOTSTRAP_MS_MAX }
  await runCdk(['bootstrap', `aws://${ACCOUNT}/${REGION}`], options)
}

/**
 * Deploys the stack to an account that is prepared; tells the stack's outputs. The API's URL among them is one that
 * this machine can reach.
 * @throws Error with the end of CDK's output, or where no emulator answers
 */
export async function deployStack(deployment: Deployment): Promise<Record<string, string>> {
  const { endpoint, stackName = 'Tidemark', app, context = {} } = deployment
  const outputsFile = resolve(deployment.outputsFile)
  const env = await cdkEnvironment(endpoint)
  const settings = Object.entries({ stackName, ...context }).flatMap(([name, value]) => [
    '--context',
    `${name}=${value}`,
  ])
  const deploy = ['deploy', '--all', '--require-approval', 'never', '--outputs-file', outputsFile]
  // Without a change set, of which nobody looks at the changes: CDK asks every five seconds whether it is there.
  const method = ['--method', 'direct']
  const output = ['--output', `${outputsFile}.cdk.out`]
  const from = app === undefined ? [] : ['--app', app]
  await runCdk([...deploy, ...method, ...from, ...output, ...settings], {
    cwd: PROJECT,
    env,
    timeout: DEPLOY_MS_MAX,
  })
  const stacks: Record<string, Record<string, string>> = JSON.parse(await readFile(outputsFile, 'utf8'))
  const outputs = stacks[stackName]
  if (!outputs) throw new Error(`${outputsFile} has no outputs of ${stackName}`)
  if (outputs.ApiUrl && (await isMinistackAt(endpoint))) outputs.ApiUrl = reachable(outputs.ApiUrl, endpoint)
  await writeFile(outputsFile, JSON.stringify(stacks, null, 2))
  return outputs
}

/**
 * Deletes the stack by its name: not every emulator can do what `cdk destroy` asks for.
 * @throws Error when that fails, or the stack is still there after two minutes
 */
export async function deleteStack(endpoint: string, stackName = 'Tidemark'): Promise<void> {
  const config = {
    endpoint,
    region: REGION,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    forcePathStyle: true,
  }
  const client = new CloudFormationClient(config)
  const s3 = new S3Client(config)
  const StackName = stackName
  try {
    const { StackResources = [] } = await client.send(new DescribeStackResourcesCommand({ StackName }))
    for (const { ResourceType, PhysicalResourceId: Bucket } of StackResources) {
      if (ResourceType !== 'AWS::S3::Bucket') continue
      // MiniStack makes buckets without their tags, and CDK's custom resource empties none that lacks its own.
      const TagSet = [{ Key: 'aws-cdk:auto-delete-objects', Value: 'true' }]
      await s3.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }))
    }
    await client.send(new DeleteStackCommand({ StackName }))
    const wait = { client, maxWaitTime: DELETE_SECONDS_MAX, minDelay: 1, maxDelay: 2 }
    await waitUntilStackDeleteComplete(wait, { StackName }).catch(error => {
      // The message is all of the last answer.
      const reason = /"StackStatusReason":"([^"]*)"/.exec(error.message)?.[1]
      throw new Error(`${stackName} is not deleted: ${reason ?? error.message}`)
    })
  } finally {
    client.destroy()
    s3.destroy()
  }
}

async function isMinistackAt(endpoint: string): Promise<boolean> {
  const answer = await fetch(new URL(MINISTACK_HEALTH_PATH, endpoint)).catch(cause => {
    throw new Error(`No emulator answers at ${endpoint}: npm run emulator:start starts one.`, { cause })
  })
  await answer.body?.cancel()
  return answer.ok
}

/** What CDK needs in its environment to take the emulator for AWS. */
async function cdkEnvironment(endpoint: string): Promise<NodeJS.ProcessEnv> {
  return {
    ...process.env,
    ...((await isMinistackAt(endpoint)) ? {} : { AWS_ENDPOINT_URL_S3: localstackS3(endpoint) }),
    // CDK runs the app with the first node on the path.
    PATH: [join(PROJECT, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: REGION,
    CDK_DEFAULT_ACCOUNT: ACCOUNT,
    CDK_DEFAULT_REGION: REGION,
  }
}

async function runCdk(
  args: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; timeout: number },
): Promise<void> {
  try {
    await run('cdk', [...args], { ...options, maxBuffer: CDK_OUTPUT_BYTES_MAX })
  } catch (error) {
    const {
      killed,
      stdout = '',
      stderr = '',
    } = error as { killed?: boolean; stdout?: string; stderr?: string }
    const what = killed ? `did not end in ${options.timeout / 1_000} s` : 'failed'
    // The end of what it printed is the cause.
    throw new Error(`cdk ${args[0]} ${what}: ${`${stdout}\n${stderr}`.trim().slice(-2_000)}`)
  }
}

/** The names below *.localhost resolve on few machines; the same API has a path of its own. */
function reachable(apiUrl: string, endpoint: string): string {
  const [apiId] = new URL(apiUrl).hostname.split('.')
  return `${endpoint}/_aws/execute-api/${apiId}/$default`
}

/** CDK puts a bucket's name before the host's, which must resolve then. */
function localstackS3(endpoint: string): string {
  return `http://s3.localhost.localstack.cloud:${new URL(endpoint).port}`
}
