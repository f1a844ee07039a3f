import { clientSuite } from './suite.ts'

clientSuite('@platformatic/kafka')
