import { clientSuite } from './suite.ts'

clientSuite('franz-go')
