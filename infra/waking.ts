import { Duration, Stack, Validations } from 'aws-cdk-lib'
import * as apigateway from 'aws-cdk-lib/aws-apigatewayv2'
import { WebSocketIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers'
import {
  WebSocketLambdaIntegration,
  WebSocketMockIntegration,
} from 'aws-cdk-lib/aws-apigatewayv2-integrations'
import * as iam from 'aws-cdk-lib/aws-iam'
import type * as lambda from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import { acknowledgePosts } from './acknowledge.ts'
import type { BrokerAuth } from './api.ts'
import { listenPermissions, postPermissions } from './permissions.ts'
import type { Stores } from './stores.ts'

/** Part of the addresses that clients are told. */
const STAGE = 'waking'
const LISTEN_TIMEOUT = Duration.seconds(10)
/** Of an event of a few hundred posts, of which each can take two tries. */
const POST_TIMEOUT = Duration.seconds(60)
/** A wake-up that is older is worth no more than the look that its listener takes by itself. */
const POST_AGE_MAX = Duration.seconds(60)

interface WakingProps {
  readonly stores: Stores
  /** Makes a function of the broker: in its scope, with its logs and its settings. */
  makeFunction(
    name: 'Listen' | 'Post',
    memorySize: number,
    timeout: Duration,
    permissions: iam.PolicyStatement[],
    environment?: Readonly<Record<string, string>>,
  ): lambda.Function
}

/** Whether a broker has it. @throws Error where it is asked for, and cannot be */
export function isWaking(
  { node }: Construct,
  isProduction: boolean,
  { waking, auth = 'iam' }: { readonly waking?: boolean; readonly auth?: BrokerAuth },
): boolean {
  if (auth === 'iam') return waking ?? isProduction
  if (waking !== true) return false
  throw new Error(
    `${node.path} asks for tokens, which a WebSocket API of AWS does not take: leave auth at 'iam' to have waking.`,
  )
}

/**
 * A WebSocket API on which consumers wait, a function that gives them tickets, and one that posts to them. It costs by
 * connections' minutes and messages, and nothing while nobody is connected.
 */
export class Waking extends Construct {
  readonly api: apigateway.WebSocketApi
  readonly listenFunction: lambda.Function
  readonly postFunction: lambda.Function
  /** Where sockets are opened. */
  readonly url: string
  readonly #posts = `${STAGE}/POST/@connections/*`
  readonly #callbackUrl: string

  constructor(scope: Construct, id: string, { stores, makeFunction }: WakingProps) {
    super(scope, id)
    this.listenFunction = makeFunction('Listen', 256, LISTEN_TIMEOUT, listenPermissions(stores))
    this.api = this.#makeApi(scope)
    const stage = new apigateway.WebSocketStage(this, 'Stage', {
      webSocketApi: this.api,
      stageName: STAGE,
      autoDeploy: true,
    })
    this.#acknowledge(stage)
    this.url = stage.url
    this.#callbackUrl = stage.callbackUrl
    this.postFunction = makeFunction('Post', 512, POST_TIMEOUT, this.postPermissions(), this.postEnvironment)
    this.allowPosts(this.postFunction)
    this.postFunction.configureAsyncInvoke({ maxEventAge: POST_AGE_MAX, retryAttempts: 1 })
  }

  /** What a function may do that posts to listeners, */
  postPermissions(): iam.PolicyStatement[] {
    return postPermissions(this.#arnOf(this.#posts))
  }

  /** and what it has to know. */
  get postEnvironment(): Readonly<Record<string, string>> {
    return { TIDEMARK_CONNECTIONS_URL: this.#callbackUrl }
  }

  /** States that these permissions of a function are known. */
  allowPosts({ role }: lambda.Function): void {
    acknowledgePosts(role!, this.api, this.#posts)
  }

  /** Lets `grantee` open sockets. What may be armed by them, fetches decide. */
  grantConnect(grantee: iam.IGrantable): iam.Grant {
    return iam.Grant.addToPrincipal({
      grantee,
      actions: ['execute-api:Invoke'],
      resourceArns: [this.#arnOf(`${STAGE}/$connect`)],
    })
  }

  #makeApi(scope: Construct): apigateway.WebSocketApi {
    const listen = new WebSocketLambdaIntegration('Listen', this.listenFunction)
    const api = new apigateway.WebSocketApi(this, 'Api', {
      apiName: `${scope.node.path.replaceAll('/', '-')}-waking`,
      description: 'Tidemark: wakes those who wait for records',
      routeSelectionExpression: '$request.body.type',
      // Who is let in here is let in for all that follows.
      connectRouteOptions: { integration: listen, authorizer: new WebSocketIamAuthorizer() },
      defaultRouteOptions: { integration: listen, returnResponse: true },
    })
    api.addRoute('hello', { integration: listen, returnResponse: true })
    // It has been heard, and that is all: no function runs, and nothing is answered.
    api.addRoute('ping', {
      integration: new WebSocketMockIntegration('Ping', {
        requestTemplates: { 200: '{"statusCode":200}' },
        templateSelectionExpression: '200',
      }),
    })
    return api
  }

  #acknowledge(stage: apigateway.WebSocketStage): void {
    Validations.of(stage).acknowledge({
      id: 'AwsSolutions-APIG1',
      reason:
        'A WebSocket API logs only in accounts that have given API Gateway a role for that, and fails to deploy in all others. ' +
        'Who reads what, the access log of the HTTP API tells.',
    })
    for (const route of this.api.node.children) {
      if (!(route instanceof apigateway.WebSocketRoute) || route.routeKey === '$connect') continue
      Validations.of(route).acknowledge({
        id: 'AwsSolutions-APIG4',
        reason: 'AWS authorizes a WebSocket when it is opened, and has no authorization for its messages.',
      })
    }
  }

  #arnOf(resource: string): string {
    return Stack.of(this).formatArn({
      service: 'execute-api',
      resource: this.api.apiId,
      resourceName: resource,
    })
  }
}
