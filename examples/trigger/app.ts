import { App } from 'aws-cdk-lib'
import { OrdersStack } from './orders-stack.ts'

new OrdersStack(new App(), 'TidemarkOrders')
