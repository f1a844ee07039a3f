import * as iam from 'aws-cdk-lib/aws-iam'
import * as lambda from 'aws-cdk-lib/aws-lambda'

/** Gives a function a URL that asks for AWS signatures. */
export function makeProduceUrl(target: lambda.Function): string {
  return target.addFunctionUrl({ authType: lambda.FunctionUrlAuthType.AWS_IAM }).url
}

/** Lets somebody call a function by its URL, and in no other way. */
export function grantUrl(target: lambda.Function, grantee: iam.IGrantable): iam.Grant {
  const byUrl = { 'lambda:FunctionUrlAuthType': 'AWS_IAM' }
  const grant = iam.Grant.addToPrincipal({
    grantee,
    actions: ['lambda:InvokeFunctionUrl'],
    resourceArns: [target.functionArn],
    conditions: { StringEquals: byUrl },
  })
  // Lambda asks for both since late 2025.
  const invoked = iam.Grant.addToPrincipal({
    grantee,
    actions: ['lambda:InvokeFunction'],
    resourceArns: [target.functionArn],
    conditions: { Bool: { 'lambda:InvokedViaFunctionUrl': 'true' } },
  })
  return grant.combine(invoked)
}
