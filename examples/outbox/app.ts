import { App } from 'aws-cdk-lib'
import { ShopStack } from './shop-stack.ts'

const app = new App()
new ShopStack(app, app.node.tryGetContext('stackName') ?? 'TidemarkShop')
