import { clientSuite } from './suite.ts'

clientSuite('kcat')
